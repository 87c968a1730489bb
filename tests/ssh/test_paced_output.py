"""However small a client wants its packets, others are served meanwhile, and it gets all of its output in order."""

from __future__ import annotations

import asyncio
from pathlib import Path

import asyncssh
import pytest
from support.front_desk import FrontDesk

SECONDS = 30.0
SIZE = 20_000


@pytest.mark.parametrize("largest", [1, 16, 128])
async def test_small_packets_keep_nobody_else_and_lose_nothing(largest: int, tmp_path: Path) -> None:
    async with FrontDesk(tmp_path, {}).open() as desk, desk.login() as greedy, desk.login() as neighbour:
        command = f"head -c {SIZE} /dev/zero; exit 7"
        options = {"encoding": None, "max_pktsize": largest}
        process: asyncssh.SSHClientProcess[bytes] = await greedy.create_process(command, **options)
        ended = asyncio.ensure_future(process.wait())
        assert (await asyncio.wait_for(neighbour.run("echo on"), SECONDS)).stdout == "on\n"
        result = await asyncio.wait_for(ended, SECONDS)
        assert result.stdout == bytes(SIZE)
        assert result.exit_status == 7


async def test_the_exit_status_comes_after_the_last_small_packet(tmp_path: Path) -> None:
    async with FrontDesk(tmp_path, {}).open() as desk, desk.login() as connection:
        options = {"encoding": None, "max_pktsize": 1}
        process: asyncssh.SSHClientProcess[bytes] = await connection.create_process("echo a lot; exit 3", **options)
        said = b""
        while piece := await asyncio.wait_for(process.stdout.read(1), SECONDS):
            said += piece
        assert said == b"a lot\n"
        assert (await process.wait()).exit_status == 3
