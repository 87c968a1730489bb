"""A time that runs out, with a warning before."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

# Timers may be early by the clock's resolution.
_SLACK = 0.002


class Countdown:
    """Calls `ended` when `limit` seconds have passed since the start or the last `touch`; 0 is never. Loop only.

    `warned` hears, `warning` seconds before the end, how many seconds are left; at half of the time if that is shorter.
    """

    def __init__(
        self,
        limit: float,
        ended: Callable[[], None],
        warning: float = 0.0,
        warned: Callable[[float], None] = lambda left: None,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._limit = limit
        self._warning = min(warning, limit / 2)
        self._ended = ended
        self._warned = warned
        self._told = False
        self._since = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin, or begin anew."""
        self.stop()
        if self._limit:
            self.touch()
            self._check()

    def touch(self) -> None:
        """The time begins anew. Costs a look at the clock: for the byte path."""
        self._since = self._loop.time()

    def stop(self) -> None:
        """Call nobody any more. Idempotent."""
        if self._timer:
            self._timer.cancel()
            self._timer = None

    def _check(self) -> None:
        left = self._since + self._limit - self._loop.time()
        if left <= _SLACK:
            self._timer = None
            self._ended()
            return
        if left > self._warning + _SLACK:
            self._told = False
            left -= self._warning
        elif not self._told:
            self._told = True
            self._warned(left)
        self._timer = self._loop.call_later(left, self._check)
