"""Messages to actors that come later, on the loop's clock."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from ..actors.ref import Ref, post


class LoopTimers:
    """The actors' `Timers`: any thread may call; nothing happens once the loop is closed."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def after(self, seconds: float, actor: Ref, message: object) -> None:
        in_loop(self._loop, self._loop.call_later, seconds, post, actor, message)


def in_loop(loop: asyncio.AbstractEventLoop, call: Callable[..., object], *arguments: object) -> None:
    """Have the loop call something soon. Any thread, never raises: a closed loop has nobody left to tell."""
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(call, *arguments)
