"""Arguments and variables that are bytes and no text, past the engine's API, which is JSON and carries text only.

Such bytes are lone surrogates here (PEP 383). A shell in the container makes the bytes out of them and becomes what was
meant: the program's own shell, which may be a csh, never sees how it was written.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from .launcher import SHELL

_RAW = re.compile("[\ud800-\udfff]")
_SPECIAL = re.compile(r"[\\\udc80-\udcff]")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_SCRIPT = 'eval "$(printf %b "$@")"'
# Of one argument: at most five bytes for each character, and the kernel takes 131,071.
_CHUNK = 20_000


def is_text(value: str) -> bool:
    """Whether the value can be sent as JSON and arrives as it is."""
    return value.isascii() or not _RAW.search(value)


def as_text(argv: Sequence[str], env: Iterable[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return argv and `NAME=value` strings that are text, and come to the same.

    Without a variable whose name no shell would take and whose value, or name, is no text.
    """
    entries = tuple(env)
    raw = [entry for entry in entries if not is_text(entry)]
    if not raw and all(map(is_text, argv)):
        return tuple(argv), entries
    exports = "".join(f"export {name}={quoted(value)}\n" for name, value in _named(raw))
    script = f"{exports}exec {' '.join(map(quoted, argv))}"
    return (SHELL, "-c", _SCRIPT, "sshore", *_chunks(script)), tuple(entry for entry in entries if is_text(entry))


def quoted(text: str) -> str:
    """Return `text` as one word of a POSIX shell's."""
    return "'" + text.replace("'", "'\\''") + "'"


def _named(entries: Iterable[str]) -> Iterator[tuple[str, str]]:
    for entry in entries:
        name, _, value = entry.partition("=")
        if _NAME.fullmatch(name):
            yield name, value


def _chunks(script: str) -> Iterator[str]:
    for start in range(0, len(script), _CHUNK):
        yield _SPECIAL.sub(_octal, script[start : start + _CHUNK])


def _octal(match: re.Match[str]) -> str:
    return f"\\0{ord(match[0]) & 0xFF:03o}"
