"""Durations as operators write them: Go's notation (`time.ParseDuration`), or integer nanoseconds."""

from __future__ import annotations

import re
from fractions import Fraction

from .text import shortened

# Both micro signs, U+00B5 and U+03BC, as Go takes them.
_NANOSECONDS = {
    "ns": 1,
    "us": 10**3,
    "µs": 10**3,
    "μs": 10**3,
    "ms": 10**6,
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3600 * 10**9,
}
_PART = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h)")
_WHOLE = re.compile(rf"([+-]?)((?:{_PART.pattern})+)")
_EXAMPLE = "expected a duration such as '60s' or '1m30s'"

SHORTEST = 0.001
LONGEST = 30 * 24 * 3600.0


def parse_duration(value: object) -> float:
    """Return seconds for `"1m30s"`, for an int of nanoseconds, or for a float, which is seconds already.

    Raises ValueError with a sentence for anything else, and outside of 1 ms to 30 days: a bare `60` meant as
    seconds would otherwise be 60 ns.
    """
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError(_EXAMPLE)
    seconds = value if isinstance(value, float) else float(Fraction(nanoseconds(value), 10**9))
    if not SHORTEST <= seconds <= LONGEST:
        raise ValueError(_out_of_range(value, seconds))
    return seconds


def format_duration(seconds: float) -> str:
    """Return the shortest notation with one unit (`60s`, `500ms`) that `parse_duration` reads back."""
    nanoseconds = round(seconds * 10**9)
    for unit in ("s", "ms", "us"):
        if nanoseconds % _NANOSECONDS[unit] == 0:
            return f"{nanoseconds // _NANOSECONDS[unit]}{unit}"
    return f"{nanoseconds}ns"


def nanoseconds(value: str | int) -> int:
    """Return the nanoseconds of Go's notation, or the int itself. Raises ValueError with a sentence."""
    if isinstance(value, int):
        return value
    match = _WHOLE.fullmatch(value) if len(value) <= 64 else None
    if match is None:
        hint = f"; {shortened(value)} has no unit" if value.isdecimal() else f", not {shortened(value)}"
        raise ValueError(_EXAMPLE + hint)
    total = sum(Fraction(number) * _NANOSECONDS[unit] for number, unit in _PART.findall(match[2]))
    return int(-total if match[1] == "-" else total)


def _out_of_range(value: object, seconds: float) -> str:
    if not seconds > 0:
        return f"{_EXAMPLE}; it has to be more than zero"
    if isinstance(value, int):
        return f"{_EXAMPLE}; a bare number counts nanoseconds, and this is out of range (1ms to 720h)"
    return f"{_EXAMPLE}; out of range (1ms to 720h)"
