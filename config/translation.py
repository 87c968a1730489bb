"""What became of a foreign configuration file: the same in sshore's keys, and what there is to say about it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .problems import Fault, KeyPath


@dataclass
class Translation:
    """A file's values in sshore's keys. Every path is the new one; `origin` tells where in the file it stands."""

    data: dict[str, Any]
    spelled: dict[KeyPath, str] = field(default_factory=dict)
    notes: list[Fault] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    is_json: bool = False
    _origins: dict[KeyPath, KeyPath] = field(default_factory=dict)

    def note(self, path: KeyPath, message: str) -> None:
        """Keep a sentence for the operator about what was accepted without having its old effect."""
        self.notes.append(Fault(self.origin(path), message))

    def refuse(self, path: KeyPath, message: str) -> None:
        """Name what this program cannot start with."""
        self.faults.append(Fault(path, message))

    def moved(self, new: KeyPath, old: KeyPath) -> None:
        """Remember that what is at `new` stands at `old` in the file."""
        self._origins[new] = old

    def origin(self, path: KeyPath) -> KeyPath:
        """Return the place in the file of what is now at `path`."""
        for end in range(len(path), 0, -1):
            if (old := self._origins.get(path[:end])) is not None:
                return (*old, *path[end:])
        return path


def is_zero(value: object) -> bool:
    """Whether a value says nothing, as Go's zero values do: false, 0, empty, or a mapping of nothing else."""
    if isinstance(value, dict):
        return all(is_zero(item) for item in value.values())
    return value is None or value in ("", 0, [])
