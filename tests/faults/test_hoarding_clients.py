"""Clients that have the server keep what they send: variables of programs that never come, input that nobody reads."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, AsyncExitStack
from typing import Any

import pytest
from asyncssh.constants import MSG_CHANNEL_REQUEST
from asyncssh.packet import Boolean, String, UInt32
from support.gateway import Gateway, StartGateway, wait_until
from support.growth import MIB, Growth
from support.neighbour import Neighbour, neighbour_of
from support.rude import SECONDS, flood, ready, rude

pytestmark = [pytest.mark.engine, pytest.mark.timeout(90)]

GROWTH = 32 * MIB
CONNECTIONS = 4
CHANNELS = 10
VARIABLE = 100_000
ROUNDS = 4


@pytest.fixture(scope="module", params=["off", "auto"])
def gateway(
    starting: Callable[[], AbstractContextManager[StartGateway]], request: pytest.FixtureRequest
) -> Iterator[Gateway]:
    """One of connection mode, without pipes and with them."""
    with starting() as start:
        yield start("connection", execution={"pipes": request.param})


@pytest.fixture(scope="module")
def neighbour(gateway: Gateway) -> Iterator[Neighbour]:
    with neighbour_of(gateway) as neighbour:
        yield neighbour


async def test_variables_of_programs_that_never_come(gateway: Gateway, neighbour: Neighbour) -> None:
    growth, mark, began = Growth(gateway.pid), gateway.log_mark(), time.monotonic()
    async with AsyncExitStack() as crowd:
        connections = [await crowd.enter_async_context(rude(gateway)) for _ in range(CONNECTIONS)]
        for connection in connections:
            channels = [await open_channel(connection) for _ in range(CHANNELS)]
            for channel in channels:
                await flood(connection, variables_of(connection, channel), 40)
        await asyncio.to_thread(neighbour.rounds, ROUNDS)
        assert growth.peak <= GROWTH, f"{growth.peak / MIB:.1f} MiB"
        gateway.wait_for_log(r"event=environment_full .*limits\.maxMemoryPer", since=mark)
        felt = await asyncio.to_thread(neighbour.since, began)
        await asyncio.to_thread(neighbour.bore, felt)
    await asyncio.to_thread(wait_until, lambda: gateway.metric("sshore_connections_current") == 1)
    async with rude(gateway) as connection:
        # It is all free again.
        told = await connection.run("echo $LARGE | wc -c", env={"LARGE": "x" * VARIABLE})
        assert told.stdout == f"{VARIABLE + 1}\n"


async def test_input_that_no_program_reads(gateway: Gateway, neighbour: Neighbour) -> None:
    growth, began = Growth(gateway.pid), time.monotonic()
    async with AsyncExitStack() as crowd:
        connections = [await crowd.enter_async_context(rude(gateway)) for _ in range(CONNECTIONS)]
        sending = []
        for connection in connections:
            for number in range(CHANNELS):
                command = "exec sleep 1000" if number else "head -c 2500000 >/dev/null; exec sleep 1000"
                program = await ready(connection, command)
                sending.append(asyncio.create_task(send(program, 3 * MIB)))
        await asyncio.to_thread(neighbour.rounds, ROUNDS)
        assert not all(task.done() for task in sending)
        assert growth.peak <= GROWTH, f"{growth.peak / MIB:.1f} MiB"
        felt = await asyncio.to_thread(neighbour.since, began)
        await asyncio.to_thread(neighbour.bore, felt)
        for task in sending:
            task.cancel()


async def open_channel(connection: Any) -> Any:
    """A session channel that asks for nothing."""
    channel = connection.create_tcp_channel(encoding=None)
    await asyncio.wait_for(channel._open(b"session"), SECONDS)
    return channel


def variables_of(connection: Any, channel: Any) -> Callable[[], None]:
    numbers = iter(range(1_000_000))

    def send_one() -> None:
        request = (UInt32(channel._send_chan), String("env"), Boolean(False))
        value = String(f"V{next(numbers)}"), String(b"x" * VARIABLE)
        connection.send_packet(MSG_CHANNEL_REQUEST, *request, *value)

    return send_one


async def send(program: Any, size: int) -> None:
    for _ in range(size // MIB):
        program.stdin.write(bytes(MIB))
        await program.stdin.drain()
