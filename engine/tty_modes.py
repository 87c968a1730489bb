"""A client's terminal modes (RFC 4254 §8, RFC 8160) in the words of `stty`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeGuard

_CHARACTERS = {
    1: "intr",
    2: "quit",
    3: "erase",
    4: "kill",
    5: "eof",
    6: "eol",
    7: "eol2",
    8: "start",
    9: "stop",
    10: "susp",
    12: "rprnt",
    13: "werase",
    14: "lnext",
    16: "swtch",
}
"""Opcodes of control characters. Left out is what Linux has not (VDSUSP, VSTATUS) or ignores (VFLUSH, VDISCARD)."""

_SWITCHES = {
    30: "ignpar",
    31: "parmrk",
    32: "inpck",
    33: "istrip",
    34: "inlcr",
    35: "igncr",
    36: "icrnl",
    37: "iuclc",
    38: "ixon",
    39: "ixany",
    40: "ixoff",
    41: "imaxbel",
    42: "iutf8",
    50: "isig",
    51: "icanon",
    52: "xcase",
    53: "echo",
    54: "echoe",
    55: "echok",
    56: "echonl",
    57: "noflsh",
    58: "tostop",
    59: "iexten",
    60: "echoctl",
    61: "echoke",
    70: "opost",
    71: "olcuc",
    72: "onlcr",
    73: "ocrnl",
    74: "onocr",
    75: "onlret",
}
"""Opcodes that are on or off. Left out are PENDIN, which is the kernel's own, and CS7, CS8, PARENB and PARODD: a pseudo
terminal always has eight bits and no parity, and says so by failing."""

_SPEED = 129
"""TTY_OP_OSPEED, in bits per second; 0 would hang the terminal up. A pseudo terminal has one speed: TTY_OP_ISPEED (128)
could only contradict."""

_DELETE = 127
_DISABLED = 255
_FIRST_PRINTABLE = 32


def is_told(size: tuple[int, int] | None) -> TypeGuard[tuple[int, int]]:
    """Whether an engine that sets a terminal's size is told this one: with a 0 in it Docker 29 makes it 0 × 0."""
    return size is not None and all(size)


def stty_settings(size: tuple[int, int] | None, modes: Iterable[tuple[int, int]]) -> str:
    """Return the settings for `stty`, separated by commas, empty if there are none.

    `size` is columns × rows, 0 for what the client does not know; `modes` are pairs of opcode and argument. Unknown
    opcodes are ignored. Every word is one that both GNU's and busybox's `stty` take.
    """
    return ",".join((*_size(size or (0, 0)), *_modes(modes)))


def _size(size: tuple[int, int]) -> Iterator[str]:
    for name, number in zip(("cols", "rows"), size, strict=True):
        if number:
            yield f"{name} {number}"


def _modes(modes: Iterable[tuple[int, int]]) -> Iterator[str]:
    for opcode, argument in modes:
        if opcode in _CHARACTERS:
            yield f"{_CHARACTERS[opcode]} {_character(argument)}"
        elif opcode in _SWITCHES:
            yield _SWITCHES[opcode] if argument else f"-{_SWITCHES[opcode]}"
        elif opcode == _SPEED and argument:
            yield str(argument)


def _character(code: int) -> str:
    if code >= _DISABLED:
        return "^-"
    if code == _DELETE:
        return "^?"
    return str(code) if code >= _FIRST_PRINTABLE else f"^{chr(code + 64)}"
