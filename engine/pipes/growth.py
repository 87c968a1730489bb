"""When a pipe gets more memory, and when it gives it back."""

from __future__ import annotations

import asyncio

from .budget import PipeShare

MUCH = 1024 * 1024
"""Bytes behind which a pipe grows."""
IDLE = 5.0
"""Seconds without a byte behind which it is as small as before."""


class BusyPipe:
    """One direction of a session: grows its pipe, whose end `descriptor` is somebody else's to close. Loop only.

    The pipe's own unit of the budget is given back with it.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, budget: PipeShare, descriptor: int) -> None:
        self._loop = loop
        self._budget = budget
        self._descriptor = descriptor
        self._moved = 0
        self._grown = False
        self._open = True
        self._timer: asyncio.TimerHandle | None = None

    def moved(self, size: int) -> None:
        """So many bytes went through."""
        self._moved += size
        if self._moved >= MUCH and not self._grown:
            self._moved = 0
            self._grown = self._budget.grow(self._descriptor)
            if self._grown:
                self._look_later()

    def close(self) -> None:
        """The pipe is about to be closed. Idempotent."""
        if self._timer:
            self._timer.cancel()
            self._timer = None
        if self._grown:
            self._grown = False
            self._budget.forget_grown()
        if self._open:
            self._open = False
            self._budget.give_back(1)

    def _look_later(self) -> None:
        self._timer = self._loop.call_later(IDLE, self._look)

    def _look(self) -> None:
        self._timer = None
        idle, self._moved = self._moved == 0, 0
        if idle and self._budget.shrink(self._descriptor):
            self._grown = False
        else:
            self._look_later()
