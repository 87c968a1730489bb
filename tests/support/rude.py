"""Clients of asyncssh's that were made to break its rules, and the rules of good neighbours."""

from __future__ import annotations

import asyncio
import socket
import struct
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import asyncssh

from .gateway import Gateway
from .growth import MIB

WIDE = 2**31 - 1
"""The window that PuTTY grants."""
SECONDS = 20.0

_HEAP = 256
_STUCK_SECONDS = 1.0


@asynccontextmanager
async def rude(gateway: Gateway, **options: Any) -> AsyncIterator[Any]:
    """A connection with everything that is inside it; it is gone behind the block."""
    connection = await gateway.connect(**options)
    try:
        yield connection
    finally:
        connection.abort()
        await connection.wait_closed()


async def ready(connection: Any, command: str, **options: Any) -> asyncssh.SSHClientProcess[bytes]:
    """Start a program and wait until it runs."""
    process = await connection.create_process(f"echo ready; {command}", encoding=None, **options)
    line = await asyncio.wait_for(process.stdout.readline(), SECONDS)
    assert line.strip() == b"ready"
    return process


def go_deaf(connection: Any) -> None:
    """Read nothing more from the socket."""
    connection._transport.pause_reading()


def reset(connection: Any) -> None:
    """End the connection with a RST instead of a FIN (socket(7), SO_LINGER)."""
    sock: socket.socket = connection._transport.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection._transport.abort()


async def flood(connection: Any, send: Callable[[], None], most: int) -> int:
    """Send again and again until the server takes no more, or hangs up, or `most` times; return how often."""
    sent, moved = 0, time.monotonic()
    while sent < most and connection._transport:
        if connection._transport.get_write_buffer_size() < MIB:
            for _ in range(_HEAP):
                send()
            sent, moved = sent + _HEAP, time.monotonic()
            await asyncio.sleep(0)
        elif time.monotonic() - moved > _STUCK_SECONDS:
            break
        else:
            await asyncio.sleep(_STUCK_SECONDS / 20)
    return sent
