"""What can be wrong with a configuration, and how it is said."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NoReturn

from pydantic_core import PydanticCustomError

from .text import printable

KeyPath = tuple[str | int, ...]

FAULTS = "sshore_faults"
DANGEROUS = "dangerous: "
"""What a note about a danger begins with."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to repair or to know: the key's path (empty for the whole file), its line (from 1), a sentence."""

    path: str
    line: int | None
    message: str

    def in_file(self, name: str) -> str:
        """Return `FILE:LINE: key.path: sentence`, without the parts that are not known."""
        place = ":".join(part for part in (name, str(self.line or "")) if part)
        return ": ".join(part for part in (place, self.path, self.message) if part)


class ConfigError(Exception):
    """A configuration cannot be used. `str()` has one line per problem: `FILE:LINE: key.path: sentence`."""

    def __init__(self, problems: Sequence[Problem], name: str = "") -> None:
        self.name = name
        self.problems = list(problems)
        super().__init__("\n".join(problem.in_file(name) for problem in self.problems))


@dataclass(frozen=True, slots=True)
class Fault:
    """A problem as a model's validator sees it.

    `path` is relative to the model. `about` are the other keys (relative too) that the verdict depends on:
    when one of them is itself at fault, this verdict says nothing and is not reported.
    """

    path: KeyPath
    message: str
    about: tuple[KeyPath, ...] = ()


def refuse(faults: Iterable[Fault]) -> None:
    """Raise all faults as one error that pydantic carries along; do nothing when there is none."""
    found = tuple(faults)
    if found:
        text = "; ".join(f"{dotted(fault.path)}: {fault.message}".removeprefix(": ") for fault in found)
        raise PydanticCustomError(FAULTS, "{text}", {"text": text, "faults": found})


def refuse_value(message: str) -> NoReturn:
    """Refuse the value that is being validated."""
    raise PydanticCustomError(FAULTS, "{text}", {"text": message, "faults": (Fault((), message),)})


def dotted(path: KeyPath) -> str:
    """Return `('ssh', 'hostkeys', 0)` as `ssh.hostkeys[0]`, safe to print."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return printable(text.removeprefix("."))
