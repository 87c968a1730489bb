"""Closing a listening socket without resetting clients that the kernel has accepted already."""

from __future__ import annotations

import asyncio
import select

import asyncssh

_LOOKS = 500
_PAUSE = 0.001


async def close_acceptor(acceptor: asyncssh.SSHAcceptor, *, shared: bool) -> None:
    """Stop listening; connections go on. `shared`: others have the socket too, and serve who waits in its queue.

    Else the queue is emptied first: at its end the kernel resets whoever is in it.
    """
    loop = asyncio.get_running_loop()
    numbers = [listening.fileno() for listening in acceptor.sockets]
    if not shared:
        await _until_nobody_waits(numbers)
    # A server that is closed between accepting and the connection's first step would drop it.
    for number in numbers:
        loop.remove_reader(number)
    await asyncio.sleep(0)
    acceptor.close()


async def _until_nobody_waits(numbers: list[int]) -> None:
    """Let the loop accept. Not for ever: somebody may hold the queue full."""
    looking = select.poll()
    for number in numbers:
        looking.register(number, select.POLLIN)
    for _ in range(_LOOKS):
        if not looking.poll(0):
            return
        await asyncio.sleep(_PAUSE)
