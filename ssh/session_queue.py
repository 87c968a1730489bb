"""Session channels that wait until another one closes, rather than being refused at once."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

MOST_WAITING = 64
"""On one connection: each costs some kilobytes, and a client may ask for any number."""


class Place:
    """Room that was given to a channel which waited: it counts as a session until that one is counted."""

    is_closing = False


class SessionQueue:
    """First come, first served, each for a bounded time. Loop only."""

    def __init__(self, seconds: float, take: Callable[[], Place | None]) -> None:
        """`take` returns room for one more channel, or None when there is none. 0 `seconds`: nobody waits."""
        self._seconds = seconds
        self._take = take
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[asyncio.Future[Place | None]] = deque()

    def __bool__(self) -> bool:
        """Whether anybody waits."""
        return bool(self._waiting)

    def wait(self) -> asyncio.Future[Place | None] | None:
        """Return what will be room, or None when the time is over; None at once if nobody else may wait."""
        if not self._seconds or len(self._waiting) >= MOST_WAITING:
            return None
        waiting: asyncio.Future[Place | None] = self._loop.create_future()
        self._waiting.append(waiting)
        alarm = self._loop.call_later(self._seconds, self._give_up, waiting)
        waiting.add_done_callback(lambda _: alarm.cancel())
        return waiting

    def advance(self) -> bool:
        """Give room to the first, if there is any; return whether somebody got some."""
        place = self._take() if self._waiting else None
        if place:
            self._waiting.popleft().set_result(place)
        return place is not None

    def close(self) -> None:
        """The connection is gone, and whoever waits is cancelled. Idempotent."""
        while self._waiting:
            self._waiting.popleft().cancel()

    def _give_up(self, waiting: asyncio.Future[Place | None]) -> None:
        self._waiting.remove(waiting)
        waiting.set_result(None)
