"""Channels that are one too many wait for another to close: refused ones are opened elsewhere, in another container."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import asyncssh
import pytest
from sshore.ssh.session_queue import MOST_WAITING
from support.client import SECONDS, eventually
from support.front_desk import FrontDesk

from .test_limits_sessions import logged_in

LONG = f"{SECONDS:g}s"


async def cat(connection: asyncssh.SSHClientConnection) -> asyncssh.SSHClientProcess[str]:
    return await connection.create_process("cat")


async def end(process: asyncssh.SSHClientProcess[str]) -> None:
    process.stdin.write_eof()
    assert (await asyncio.wait_for(process.wait(), SECONDS)).exit_status == 0


def opening(connection: asyncssh.SSHClientConnection, number: int) -> list[asyncio.Task[Any]]:
    return [asyncio.create_task(cat(connection)) for _ in range(number)]


async def open_ones(tasks: list[asyncio.Task[Any]], *connections: asyncssh.SSHClientConnection) -> list[bool]:
    """Which of them are open, once everything that was asked for on these connections was seen to."""
    for _ in range(3):
        for connection in connections:
            await connection._make_global_request(b"nothing")
    return [task.done() and task.exception() is None for task in tasks]


async def test_a_channel_waits_until_another_one_closes(tmp_path: Path) -> None:
    async with logged_in(tmp_path, {"maxSessions": 1, "sessionWait": LONG}) as (desk, connection):
        first = await cat(connection)
        tasks = opening(connection, 2)
        assert await open_ones(tasks, connection) == [False, False]
        await end(first)
        second = await asyncio.wait_for(tasks[0], SECONDS)
        assert await open_ones(tasks, connection) == [True, False]
        await end(second)
        await end(await asyncio.wait_for(tasks[1], SECONDS))
        assert desk.refusals("TOO_MANY_CHANNELS") == 0


async def test_it_is_refused_when_it_has_waited_for_long_enough(tmp_path: Path) -> None:
    async with logged_in(tmp_path, {"maxSessions": 1, "sessionWait": "100ms"}) as (desk, connection):
        first = await cat(connection)
        with pytest.raises(asyncssh.ChannelOpenError, match="Too many sessions are open on this"):
            await asyncio.wait_for(cat(connection), SECONDS)
        assert desk.refusals("TOO_MANY_CHANNELS") == 1
        await end(first)
        await end(await cat(connection))


async def test_so_many_wait_and_the_others_are_refused_at_once(tmp_path: Path) -> None:
    async with logged_in(tmp_path, {"maxSessions": 1, "sessionWait": LONG}) as (desk, connection):
        first = await cat(connection)
        tasks = opening(connection, MOST_WAITING + 3)
        await eventually(lambda: desk.refusals("TOO_MANY_CHANNELS") == 3, "three refusals")
        refused, _ = await asyncio.wait_for(asyncio.wait(tasks[MOST_WAITING:]), SECONDS)
        assert all(isinstance(task.exception(), asyncssh.ChannelOpenError) for task in refused)
        assert not any(task.done() for task in tasks[:MOST_WAITING])
        await end(first)
        await end(await asyncio.wait_for(tasks[0], SECONDS))


async def test_a_connection_that_ends_takes_whoever_waits_along(tmp_path: Path) -> None:
    async with FrontDesk(tmp_path, {"maxSessions": 1, "sessionWait": LONG}).open() as desk:
        async with desk.login() as connection:
            await cat(connection)
            tasks = opening(connection, 3)
            assert await open_ones(tasks, connection) == [False] * 3
            connection.abort()
            await asyncio.gather(*tasks, return_exceptions=True)
        await desk.until_connected(0)
        assert desk.refusals("TOO_MANY_CHANNELS") == 0
        assert desk.book.of("loop_error") == []


async def test_a_users_channel_waits_for_one_on_another_connection_of_his(tmp_path: Path) -> None:
    limits = {"maxSessionsPerUser": 2, "sessionWait": LONG}
    async with FrontDesk(tmp_path, limits).open() as desk, AsyncExitStack() as stack:
        one, two, three = [await stack.enter_async_context(desk.login()) for _ in range(3)]
        first, second = await cat(one), await cat(one)
        tasks = opening(two, 2)
        assert await open_ones(tasks, two) == [False] * 2
        tasks += opening(three, 1)
        assert await open_ones(tasks, two, three) == [False] * 3
        await end(first)
        await asyncio.wait_for(tasks[0], SECONDS)
        one.abort()
        await asyncio.wait_for(tasks[2], SECONDS)
        assert await open_ones(tasks, two, three) == [True, False, True]
        await end(await tasks[2])
        await asyncio.wait_for(tasks[1], SECONDS)
        assert desk.refusals("TOO_MANY_SESSIONS") == 0
        await second.wait()


async def test_nobody_overtakes_who_waits(tmp_path: Path) -> None:
    async with logged_in(tmp_path, {"maxSessions": 2, "sessionWait": LONG}) as (_, connection):
        held = [await cat(connection), await cat(connection)]
        waiting = opening(connection, 4)
        await open_ones(waiting, connection)
        for process in held:
            process.stdin.write_eof()
        late = opening(connection, 2)
        order: list[int] = []
        for number, task in enumerate(waiting + late):
            task.add_done_callback(lambda task, number=number: (order.append(number), task.result().stdin.write_eof()))
        await asyncio.wait_for(asyncio.gather(*waiting, *late), SECONDS)
        assert order == sorted(order)
