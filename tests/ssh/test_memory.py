"""The memory that may wait for clients' programs, and who gets how much of it."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

from sshore.config.models import LimitsConfig
from sshore.ssh.channel_window import FIRST_WINDOW, LARGEST_WINDOW
from sshore.ssh.memory import MemoryBudget, MemoryOfUsers
from support.client import SECONDS, eventually
from support.front_desk import FrontDesk


def test_what_is_taken_counts_above_and_nothing_is_taken_in_part() -> None:
    whole = MemoryBudget(10)
    first, second = MemoryBudget(8, whole), MemoryBudget(8, whole)
    assert first.take(8)
    assert not first.take(1)
    assert not second.take(3)
    assert second.take(2)
    assert (first.taken, second.taken, whole.taken) == (8, 2, 10)
    first.give_back(8)
    assert second.take(6)
    assert MemoryBudget(0).take(10**12)


def test_connections_of_a_user_share_his_part_and_users_the_whole() -> None:
    config = LimitsConfig(maxMemoryPerConnection=4, maxMemoryPerUser=6, maxMemory=8)
    memory = MemoryOfUsers(config)
    first, second, other = (memory.for_connection(user) for user in ("alice", "alice", "bob"))
    assert first.take(4)
    assert not second.take(3)
    assert second.take(2)
    assert not other.take(3)
    assert other.take(2)
    memory.configure(LimitsConfig(maxMemoryPerConnection=4, maxMemoryPerUser=8, maxMemory=100))
    assert second.take(2)


async def test_a_window_grows_while_its_program_reads_and_not_before(tmp_path: Path) -> None:
    async with FrontDesk(tmp_path, {}).open() as desk, desk.login() as connection:
        reader = await connection.create_process("cat", encoding=None)
        assert reader.channel._send_window <= FIRST_WINDOW
        for _ in range(8):
            reader.stdin.write(bytes(2 * LARGEST_WINDOW // 8))
            await asyncio.wait_for(reader.stdout.readexactly(2 * LARGEST_WINDOW // 8), SECONDS)
        assert reader.channel._send_window > LARGEST_WINDOW // 4


async def test_who_has_used_up_his_memory_goes_on_with_small_windows(tmp_path: Path) -> None:
    async with FrontDesk(tmp_path, {"maxMemoryPerConnection": 1}).open() as desk, desk.login() as connection:
        reader = await connection.create_process("cat", encoding=None)
        for _ in range(4):
            reader.stdin.write(bytes(LARGEST_WINDOW))
            await asyncio.wait_for(reader.stdout.readexactly(LARGEST_WINDOW), SECONDS)
            assert reader.channel._send_window <= FIRST_WINDOW


async def test_a_variable_that_there_is_no_memory_for_is_refused(tmp_path: Path) -> None:
    async with FrontDesk(tmp_path, {"maxMemoryPerUser": 300_000}).open() as desk, AsyncExitStack() as stack:
        first, second = [await stack.enter_async_context(desk.login()) for _ in range(2)]
        holds = await first.create_process("cat", env={"LARGE": "x" * 90_000})
        told = await second.run("echo $OTHER", env={"OTHER": "y" * 90_000})
        assert told.stdout == "\n"
        assert desk.refusals("ENVIRONMENT_FULL") == 1
        holds.stdin.write_eof()
        await asyncio.wait_for(holds.wait(), SECONDS)
        told = await second.run("echo $OTHER", env={"OTHER": "y" * 90_000})
        assert told.stdout == "y" * 90_000 + "\n"


async def test_containers_of_a_user_are_limited_though_no_session_is_open(tmp_path: Path) -> None:
    async with FrontDesk(tmp_path, {"maxContainersPerUser": 2}).open() as desk, AsyncExitStack() as stack:
        first, _, third = [await stack.enter_async_context(desk.login()) for _ in range(3)]
        await asyncio.wait_for(third.wait_closed(), SECONDS)
        assert desk.refusals("TOO_MANY_CONTAINERS") == 1
        first.abort()
        await eventually(lambda: containers(desk) == 1, lambda: f"{containers(desk)} containers")
        async with desk.login() as fourth:
            assert (await fourth.run("echo in")).stdout == "in\n"


def containers(desk: FrontDesk) -> float:
    return desk.metrics.registry.get_sample_value("sshore_containers_current") or 0.0
