"""When a connection's next shell that waits may be started."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

from .primed_shells import PrimedShells
from .ref import Ref
from .surroundings import Surroundings

QUIET = 0.5
"""Seconds after which nobody waits for the first program of a connection, or for one that says nothing."""
PAUSE = 0.05
"""Seconds between a program's beginning, its first byte or its end, which is not to be delayed, and the next shell."""
_SAME_MOMENT = 0.01


@dataclass(frozen=True, slots=True)
class PrimingDue:
    """A connection to itself: shells that are missing may be started, unless something else is due by now."""

    due: float


class Priming:
    """Has the shells that are missing started, out of the way of whatever somebody waits for.

    Belongs to the connection's thread. There is one alarm at a time, however many programs come and go.
    """

    def __init__(self, connection: Ref, surroundings: Surroundings) -> None:
        self._me = connection
        self._house = surroundings.house
        self._quiet_at = math.inf
        self._asked_at = -math.inf
        self._due = math.inf

    def container_ready(self) -> None:
        """The connection's programs have a container. One for a single command ends before any shell is started."""
        self._quiet_at = time.monotonic() + QUIET
        self._wake_in(QUIET)

    def program_asked(self) -> None:
        """Somebody waits for a program to begin."""
        self._asked_at = time.monotonic()

    def shell_given(self) -> None:
        """A shell becomes a program, which may say nothing for long."""
        self._wake_in(QUIET)

    def program_spoke(self) -> None:
        """A program has said its first byte, or has ended."""
        self._wake_in(PAUSE)

    def alarm(self, alarm: PrimingDue, shells: PrimedShells) -> None:
        """Take an alarm."""
        if alarm.due == self._due:
            self._due = math.inf
            self.prime(shells)

    def prime(self, shells: PrimedShells) -> None:
        """Start the next shell that is missing, now or as soon as that is in nobody's way."""
        now = time.monotonic()
        wait = max(self._quiet_at - now, self._asked_at + PAUSE - now)
        if self._house.turns.starts_wait:
            self._wake_in(QUIET)
        elif wait > 0:
            self._wake_in(wait)
        else:
            shells.prime()

    def _wake_in(self, seconds: float) -> None:
        due = time.monotonic() + seconds
        if due < self._due - _SAME_MOMENT:
            self._due = due
            self._house.timers.after(seconds, self._me, PrimingDue(due))
