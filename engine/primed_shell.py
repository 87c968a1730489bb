"""A shell that is started ahead and waits to be told what to become, for any POSIX `/bin/sh` (dash, bash, busybox).

It says its pid and then waits for its *order*, the text of a FIFO: the environment and the launcher's arguments. Then
it runs the very launcher that a plain exec would have begun with, which it has read already. What comes of it is by
construction what a plain exec becomes: it is the same shell with the same script under the same pid, only that its
variables came behind its start.

A shell that makes more of variables at its start than dash and busybox do, a bash say, begins anew for that by `exec`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from .launcher import BEGINNING, LAUNCHER, SHELL
from .raw_text import quoted

ORDER_LIMIT = 256 * 1024
"""The longest order, in bytes."""

PRIMED_SHELL = """\
sshore_order=$1 sshore_boot=$2 sshore_shell=$3 sshore_launcher=$4
if [ -z "$BASH_VERSION$KSH_VERSION$ZSH_VERSION$YASH_VERSION" ]; then
  sshore_anew=
  eval "sshore_launch() { $sshore_launcher
}"
else
  sshore_anew=yes
  case $SHLVL in
    "" | 1) unset SHLVL ;;
    *) exit ;;
  esac
fi
{ read -r sshore_host </proc/sys/kernel/random/boot_id; } 2>/dev/null
[ "$sshore_host" = "$sshore_boot" ] && [ -p "$sshore_order" ] && [ -r "$sshore_order" ] || exit
sshore_whole=
echo $$
. "$sshore_order"
[ -n "$sshore_whole" ] || exit 0
[ -z "$sshore_anew" ] || exec "$sshore_shell" -c "$sshore_launcher" sshore "$@"
sshore_launch "$@"
"""
"""It just ends where it cannot have its order, a directory of another host say, and where one that begins anew would be
counted as one more by an image whose environment counts shells."""

_END = "sshore_whole=yes"
"""The last line: an order that was cut off is none."""
QUIETLY = "2>/dev/null"
"""Behind the variables: bash complains of an unknown locale when it is told, and once more as the launcher."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_OF_THE_SHELL = re.compile(
    r"""_|BASH\w*|COMP_\w*|COPROC|DIRSTACK|E?UID|ENV|EPOCH\w*|FUNC\w*|GROUPS|HIST\w*|IFS|LINENO|MAIL\w*|OLDPWD
    |OPT(?:ARG|ERR|IND)|PATH|PIPESTATUS|POSIXLY_CORRECT|PPID|PROMPT_\w*|PS[0-4]|PWD|RANDOM|READLINE_\w*|REPLY|SECONDS
    |SHELL|SHELLOPTS|SHLVL|SRANDOM|TIMEFORMAT|TMOUT|LD_\w*|sshore_\w*""",
    re.ASCII | re.VERBOSE,
)
"""Names that a shell does something with when it is told them, or does not let go of, and the scripts' own."""


def primed_argv(order: str, boot_id: str) -> tuple[str, ...]:
    """Return the argv of a shell that waits for its order.

    `order` is the path of a FIFO in the container, on the kernel of this `boot_id`. The first line of its stdout is its
    pid: it is about to open the FIFO then. An order of no bytes ends it.
    """
    return (SHELL, "-c", PRIMED_SHELL, "sshore", order, boot_id, SHELL, LAUNCHER)


def order_for(argv: Sequence[str], env: Iterable[str]) -> bytes | None:
    """Return the order to become the launcher of this argv, with `env` (`NAME=value`) added to the environment.

    None where a shell could not pass it on as the engine does: a variable that is the shell's own or has no name for
    it, a NUL, more than ORDER_LIMIT. Bytes that are no text go as they are.
    """
    variables = [entry.partition("=")[::2] for entry in env]
    if not all(is_inert(name) for name, _ in variables):
        return None
    exports = [f"{name}={quoted(value)}" for name, value in variables]
    lines = [" ".join(("export", *exports, QUIETLY))] if exports else []
    lines += [" ".join(("set --", *map(quoted, argv[len(BEGINNING) :]))), _END]
    try:
        order = "".join(f"{line}\n" for line in lines).encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return None
    return None if len(order) > ORDER_LIMIT or b"\0" in order else order


def is_inert(name: str) -> bool:
    """Return whether a shell does no more about a variable of this name than to pass it on."""
    return _NAME.fullmatch(name) is not None and not _OF_THE_SHELL.fullmatch(name)
