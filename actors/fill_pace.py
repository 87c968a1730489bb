"""When a pool may start its next container."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

QUIET_SECONDS = 0.1
"""How long after a login nothing is started: the user's program begins then."""
LONGEST_QUIET = 1.0
"""How long logins that follow one another hold a fill up at most. (What users start is `engine/turns.py`'s matter.)"""
FIRST_PAUSE = 1.0
LONGEST_PAUSE = 60.0
"""Behind a failure, and behind the seventh in a row."""
YOUNG_SECONDS = 10.0
"""What dies sooner is no better than what could not be started."""


class FillPace:
    """Gives way to the first program of whoever logs in, and to an engine that fails.

    Belongs to the pool's thread. `clock` tells monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last_login = -math.inf
        self._needed_since: float | None = None
        self._not_before = -math.inf
        self._pause = 0.0
        self._well_from = math.inf

    def login(self) -> None:
        """Somebody was given a container, or told to start his own."""
        self._last_login = self._clock()

    def failed(self) -> None:
        """A fill failed: the pause before the next one doubles, unless one since the last failure went well."""
        now = self._clock()
        went_well, self._well_from = now >= self._well_from, math.inf
        self._pause = FIRST_PAUSE if went_well or not self._pause else min(self._pause * 2, LONGEST_PAUSE)
        self._not_before = now + self._pause

    def died(self, age: float) -> None:
        """What was filled lived so many seconds. Young ones that die together, or behind a failure, are one failure."""
        if age >= YOUNG_SECONDS:
            return
        if self._clock() >= self._not_before:
            self.failed()
        self._well_from = math.inf

    def filled(self) -> None:
        """A fill succeeded: it went well if nothing fails, or dies young, for so long."""
        self._well_from = min(self._well_from, self._clock() + YOUNG_SECONDS)

    def hurry(self) -> None:
        """The engine is back."""
        self._not_before = -math.inf

    def wait(self) -> float:
        """Return how many seconds from now the next fill may begin, 0 for now; it is needed from the first call on."""
        now = self._clock()
        if self._needed_since is None:
            self._needed_since = now
        quiet = min(self._last_login + QUIET_SECONDS, self._needed_since + LONGEST_QUIET)
        return max(quiet - now, self._not_before - now, 0.0)

    def begun(self) -> None:
        """A fill has begun."""
        self._needed_since = None
