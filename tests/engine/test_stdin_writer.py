"""What waits for a program that does not read is bounded, in whatever pieces it came."""

from __future__ import annotations

import asyncio
import socket

from sshore.engine.stdin_writer import HIGH_WATER, StdinWriter

SECONDS = 10.0


async def test_single_bytes_are_counted_with_what_each_costs() -> None:
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
        assert len(writer._backlog) <= HIGH_WATER // 256 + 1

        received = 0
        async with asyncio.timeout(SECONDS):
            while received < written:
                received += len(await asyncio.get_running_loop().sock_recv(theirs, 65536))
        await asyncio.wait_for(resumed.wait(), SECONDS)
        writer.close()
