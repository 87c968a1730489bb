"""Users who have more containers than they may, and shells that wait and are made to speak."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest
from support.gateway import StartGateway, wait_until
from support.growth import MIB, Growth
from support.rude import SECONDS, ready, rude

pytestmark = [pytest.mark.engine, pytest.mark.timeout(90)]

GROWTH = 32 * MIB


async def test_connections_without_a_session_have_no_more_containers_than_their_user_may(
    start_gateway: StartGateway,
) -> None:
    gateway = start_gateway("connection", limits={"maxContainersPerUser": 2})
    async with AsyncExitStack() as crowd:
        connections = [await crowd.enter_async_context(rude(gateway)) for _ in range(5)]
        for refused in connections[2:]:
            await asyncio.wait_for(refused.wait_closed(), SECONDS)
        assert [(await one.run("echo in")).stdout for one in connections[:2]] == ["in\n"] * 2
        assert len(gateway.containers()) == 2
    assert gateway.log.count("code=TOO_MANY_CONTAINERS") == 3


SPEAK = r"for p in /proc/[0-9]*; do case $(tr '\0' ' ' <$p/cmdline) in *.order*) yes >$p/fd/1 & ;; esac; done"


async def test_shells_that_wait_and_are_made_to_flood_are_heard_no_more(start_gateway: StartGateway) -> None:
    gateway = start_gateway("connection")
    async with rude(gateway) as connection:
        program = await ready(connection, "exec sh")
        await asyncio.to_thread(gateway.await_shells, 1)
        growth = Growth(gateway.pid)
        program.stdin.write(f"{SPEAK}\n".encode())
        await asyncio.to_thread(wait_until, lambda: gateway.metric("sshore_shells_waiting") == 0)
        await growth.standstill()
        assert growth.peak <= GROWTH, f"{growth.peak / MIB:.1f} MiB"
        assert (await connection.run("echo on")).stdout == "on\n"
        await asyncio.to_thread(wait_until, lambda: gateway.metric("sshore_shells_waiting") == 0)
