"""What the removal actor tells its parent, and itself later."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Removed:
    """The engine says that the container is gone."""

    name: str


@dataclass(frozen=True, slots=True)
class RetryRemovals:
    """Try again what is due. `due` (monotonic seconds) tells the alarm that counts from one that was overtaken."""

    due: float


@dataclass(frozen=True, slots=True)
class Sweep:
    """Look for containers that nobody owns."""
