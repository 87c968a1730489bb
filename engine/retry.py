"""When to try again, and for how long."""

from __future__ import annotations

import random
import time

from .errors import EngineError, ServerFault, Unavailable

UNAVAILABLE_SECONDS = 2.0
"""How long an engine that nobody reaches is tried: it restarts in less, and a user waits for the answer."""
ASKED_SECONDS = 0.5
"""How long such an engine is asked how something ended: with its stream's end a user waits for his prompt."""
FAULT_SECONDS = 5.0
"""How long an engine that reports a fault is tried: some of its faults are permanent and do not say so."""

_FIRST_PAUSE = 0.05
_LONGEST_PAUSE = 1.0


class Backoff:
    """Pauses that double from 50 ms to 1 s, each shortened at random by up to half. For one thread."""

    def __init__(self) -> None:
        self._pause = _FIRST_PAUSE

    def next(self) -> float:
        """Return the next pause in seconds."""
        pause, self._pause = self._pause, min(self._pause * 2, _LONGEST_PAUSE)
        return pause * random.uniform(0.5, 1.0)


class Retries:
    """The retries of one call that may take `timeout` seconds. Not for several threads.

    `unavailable` is for how many seconds an engine that nobody reaches is tried.
    """

    def __init__(self, timeout: float, unavailable: float = UNAVAILABLE_SECONDS) -> None:
        self._patience: dict[type[EngineError], float] = {Unavailable: unavailable, ServerFault: FAULT_SECONDS}
        self._deadline = time.monotonic() + timeout
        self._backoff = Backoff()
        self._first_failure: float | None = None

    def left(self) -> float:
        """Return the seconds that the next attempt may take."""
        return max(self._deadline - time.monotonic(), 0.0)

    def pause_after(self, error: EngineError) -> bool:
        """Sleep and return True if another attempt makes sense after `error`, else False at once."""
        now = time.monotonic()
        patience = self._patience.get(type(error))
        if self._first_failure is None:
            self._first_failure = now
        pause = self._backoff.next()
        if patience is None or now + pause >= min(self._deadline, self._first_failure + patience):
            return False
        time.sleep(pause)
        return True
