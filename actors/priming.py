"""When a connection's next shell that waits may be started."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

from .alarm import Alarm
from .primed_shells import PrimedShells
from .ref import Ref
from .surroundings import Surroundings

QUIET = 0.5
"""Seconds after which nobody waits for the first program of a connection, or for one that says nothing."""
PAUSE = 0.05
"""Seconds between a program's beginning, its first byte or its end, which is not to be delayed, and the next shell."""


@dataclass(frozen=True, slots=True)
class PrimingDue:
    """A connection's alarm: shells that are missing may be started."""

    moment: float


class Priming:
    """Has the shells that are missing started, out of the way of whatever somebody waits for.

    Belongs to the connection's thread. There is one alarm at a time, however many programs come and go.
    """

    def __init__(self, connection: Ref, surroundings: Surroundings) -> None:
        self._turns = surroundings.house.turns
        self._alarm = Alarm(surroundings.house.timers, connection, PrimingDue)
        self._quiet_at = math.inf
        self._asked_at = -math.inf

    def container_ready(self) -> None:
        """The connection's programs have a container. One for a single command ends before any shell is started."""
        self._quiet_at = time.monotonic() + QUIET
        self._alarm.ring_in(QUIET)

    def program_asked(self) -> None:
        """Somebody waits for a program to begin."""
        self._asked_at = time.monotonic()

    def shell_given(self) -> None:
        """A shell becomes a program, which may say nothing for long."""
        self._alarm.ring_in(QUIET)

    def program_spoke(self) -> None:
        """A program has said its first byte, or has ended."""
        self._alarm.ring_in(PAUSE)

    def is_due(self, moment: float) -> bool:
        """Take a PrimingDue; return whether it is the alarm: `prime` is to be called."""
        return self._alarm.rings(moment)

    def prime(self, shells: PrimedShells) -> None:
        """Start the next shell that is missing, now or as soon as that is in nobody's way."""
        now = time.monotonic()
        wait = max(self._quiet_at - now, self._asked_at + PAUSE - now)
        if self._turns.starts_wait:
            self._alarm.ring_in(QUIET)
        elif wait > 0:
            self._alarm.ring_in(wait)
        else:
            shells.prime()
