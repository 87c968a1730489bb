"""What actors hear about their turns at the engine (`engine/turns.py`)."""

from __future__ import annotations

from dataclasses import dataclass

from ..engine.turns import Turn


@dataclass(frozen=True, slots=True)
class StartTurn:
    """A turn has come: create and start the container, unless it was given back meanwhile for another."""


@dataclass(frozen=True, slots=True)
class StartOverdue:
    """This turn was waited for as long as it may be; one that has come meanwhile tells nothing any more."""

    turn: Turn


@dataclass(frozen=True, slots=True)
class RemovalTurn:
    """Remove the container now: it is one's turn, or one has given way for long enough."""
