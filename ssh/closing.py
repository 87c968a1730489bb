"""Closing a listening socket without resetting clients that the kernel has accepted already."""

from __future__ import annotations

import asyncio
import select

from .door import Door

_LONGEST = 1.0
"""Seconds: four thousand are accepted in less."""
_PAUSE = 0.001


async def close_door(door: Door, *, shared: bool) -> None:
    """Stop listening; connections go on. `shared`: others have the socket too, and serve who waits in its queue.

    Else the queue is emptied first: at its end the kernel resets whoever is in it.
    """
    if not shared:
        await _until_nobody_waits(door.socket.fileno())
    door.close()


async def _until_nobody_waits(number: int) -> None:
    """Let the loop accept. Not for ever: somebody may hold the queue full."""
    looking = select.poll()
    looking.register(number, select.POLLIN)
    loop = asyncio.get_running_loop()
    deadline = loop.time() + _LONGEST
    while looking.poll(0):
        if loop.time() > deadline:
            return
        await asyncio.sleep(_PAUSE)
