"""What waits for a program that does not read is bounded, in whatever pieces it came."""

from __future__ import annotations

import asyncio
import socket

from sshore.engine.stdin_writer import StdinWriter

SECONDS = 10.0


async def test_whoever_sends_is_paused_as_soon_as_anything_waits_and_goes_on_when_nothing_does() -> None:
    ours, theirs = socket.socketpair()
    paused, resumed = asyncio.Event(), asyncio.Event()
    with ours, theirs:
        ours.setblocking(False)
        theirs.setblocking(False)
        writer = StdinWriter(asyncio.get_running_loop(), ours, paused.set, resumed.set)
        written = 0
        while not paused.is_set():
            writer.write(b"x")
            written += 1
            await asyncio.sleep(0)
        assert len(writer._backlog) == 1
        assert not resumed.is_set()

        received = 0
        async with asyncio.timeout(SECONDS):
            while received < written:
                received += len(await asyncio.get_running_loop().sock_recv(theirs, 65536))
        await asyncio.wait_for(resumed.wait(), SECONDS)
        writer.close()
