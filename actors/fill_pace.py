"""When a pool may start its next container."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Hashable

QUIET_SECONDS = 0.1
"""How long after a login nothing is started: the user's program begins then."""
LONGEST_WAIT = 3.0
"""How long a fill gives way to users at most."""
FIRST_PAUSE = 1.0
LONGEST_PAUSE = 60.0
"""Behind a failure, and behind the tenth in a row."""
YOUNG_SECONDS = 10.0
"""What dies sooner is no better than what could not be started."""


class FillPace:
    """Gives way to users who log in and to their own containers that start, and to an engine that fails.

    Belongs to the pool's thread. `clock` tells monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last_login = -math.inf
        self._starting: set[Hashable] = set()
        self._needed_since: float | None = None
        self._not_before = -math.inf
        self._pause = 0.0

    def login(self) -> None:
        """Somebody was given a container."""
        self._last_login = self._clock()

    def start_begun(self, user: Hashable) -> None:
        """Somebody's own container starts, until `start_over`."""
        self.login()
        self._starting.add(user)

    def start_over(self, user: Hashable) -> None:
        """It runs, or will not. Idempotent."""
        self._starting.discard(user)

    def failed(self) -> None:
        """A fill failed: the pause before the next one doubles."""
        self._pause = min(self._pause * 2 or FIRST_PAUSE, LONGEST_PAUSE)
        self._not_before = self._clock() + self._pause

    def died(self, age: float) -> None:
        """What was filled lived so many seconds. Young ones that die together, or behind a failure, are one failure."""
        if age < YOUNG_SECONDS and self._clock() >= self._not_before:
            self.failed()

    def well(self) -> None:
        """What was filled lives: a failure is the first again."""
        self._pause = 0.0

    def hurry(self) -> None:
        """The engine is back."""
        self._not_before = -math.inf

    def wait(self) -> float:
        """Return how many seconds from now the next fill may begin, 0 for now; it is needed from the first call on."""
        now = self._clock()
        if self._needed_since is None:
            self._needed_since = now
        patience = self._needed_since + LONGEST_WAIT
        quiet = patience if self._starting else min(self._last_login + QUIET_SECONDS, patience)
        return max(quiet - now, self._not_before - now, 0.0)

    def begun(self) -> None:
        """A fill has begun."""
        self._needed_since = None
