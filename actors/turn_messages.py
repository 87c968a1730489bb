"""What actors hear about their turns at the engine (`engine/turns.py`)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StartTurn:
    """Create and start the container now."""


@dataclass(frozen=True, slots=True)
class StartOverdue:
    """A turn to start was waited for as long as the call itself may take."""


@dataclass(frozen=True, slots=True)
class RemovalTurn:
    """Remove the container now: it is one's turn, or one has given way for long enough."""
