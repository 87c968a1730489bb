"""A shell that is started ahead and waits to be told what to become, for any POSIX `/bin/sh` (dash, bash, busybox).

It says its pid and then waits for its *order*, the text of a FIFO: the environment, and the very argv of the launcher
that a plain exec would have begun with. It becomes that by `exec`, under the same pid, and is gone: descriptors,
positional parameters, shell variables and the launcher's own first line are those of a plain exec by construction.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from .launcher import SHELL

ORDER_LIMIT = 256 * 1024
"""The longest order, in bytes."""

PRIMED_SHELL = """\
case $SHLVL in
  "" | 1) unset SHLVL ;;
  *) exit ;;
esac
{ read -r sshore_host </proc/sys/kernel/random/boot_id; } 2>/dev/null
[ "$sshore_host" = "$2" ] && [ -p "$1" ] && [ -r "$1" ] || exit
echo $$
. "$1"
"""

"""It just ends where it cannot have its order, a directory of another host say, and where the image's
environment counts shells already: it would be counted as one more."""

QUIETLY = "2>/dev/null"
"""Behind the variables: bash complains of an unknown locale when it is told, and once more as the launcher."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_OF_THE_SHELL = re.compile(
    r"""_|BASH\w*|COMP_\w*|COPROC|DIRSTACK|E?UID|ENV|EPOCH\w*|FUNC\w*|GROUPS|HIST\w*|IFS|LINENO|MAIL\w*|OLDPWD
    |OPT(?:ARG|ERR|IND)|PATH|PIPESTATUS|POSIXLY_CORRECT|PPID|PROMPT_\w*|PS[0-4]|PWD|RANDOM|READLINE_\w*|REPLY|SECONDS
    |SHELL|SHELLOPTS|SHLVL|SRANDOM|TIMEFORMAT|TMOUT|LD_\w*""",
    re.ASCII | re.VERBOSE,
)
"""Names that a shell does something with when it is told them, or does not let go of."""


def primed_argv(order: str, boot_id: str) -> tuple[str, ...]:
    """Return the argv of a shell that waits for its order.

    `order` is the path of a FIFO in the container, on the kernel of this `boot_id`. The first line of its stdout is its
    pid: it is about to open the FIFO then. An order of no bytes ends it.
    """
    return (SHELL, "-c", PRIMED_SHELL, "sshore", order, boot_id)


def order_for(argv: Sequence[str], env: Iterable[str]) -> bytes | None:
    """Return the order to become `argv` with `env` (`NAME=value`) added to the environment.

    None where a shell could not pass it on as the engine does: a variable that is the shell's own or has no name for
    it, what is not UTF-8, a NUL, more than ORDER_LIMIT.
    """
    variables = [entry.partition("=")[::2] for entry in env]
    if not all(_is_free(name) for name, _ in variables):
        return None
    exports = [f"{name}={_quoted(value)}" for name, value in variables]
    lines = [" ".join(("export", *exports, QUIETLY))] if exports else []
    lines.append(" ".join(("exec", *map(_quoted, argv))))
    try:
        order = "".join(f"{line}\n" for line in lines).encode()
    except UnicodeEncodeError:
        return None
    return None if len(order) > ORDER_LIMIT or b"\0" in order else order


def _is_free(name: str) -> bool:
    return _NAME.fullmatch(name) is not None and not _OF_THE_SHELL.fullmatch(name)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"
