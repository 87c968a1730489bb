"""Users who take all that they can get: of pipes, of channels, of what the engine is asked. Others get theirs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import psutil
import pytest
from support.client import eventually
from support.gateway import Gateway, StartGateway
from support.growth import MIB, Growth
from support.neighbour import Neighbour, neighbour_of
from support.rude import WIDE, go_deaf, ready, rude

pytestmark = [pytest.mark.engine, pytest.mark.timeout(90)]

GROWTH = 32 * MIB
ROUNDS = 4
SLEEPERS = 50
CARRIER = "case $(readlink /proc/self/fd/0) in /run/sshore/*) echo pipes ;; *) echo engine ;; esac"
TERMINALS = 30
QUESTIONS_A_SECOND = 20
ENDED = 60
THREADS_MORE = 10


@pytest.fixture(scope="module")
def gateway(starting: Callable[[], AbstractContextManager[StartGateway]]) -> Iterator[Gateway]:
    """One of connection mode that must have pipes."""
    with starting() as start:
        yield start("connection", execution={"pipes": "on"})


@pytest.fixture(scope="module")
def neighbour(gateway: Gateway) -> Iterator[Neighbour]:
    with neighbour_of(gateway) as neighbour:
        yield neighbour


async def test_sleeping_programs_by_the_dozen_leave_pipes_for_others(gateway: Gateway) -> None:
    gateway.authorize("other")
    async with rude(gateway) as crowd, rude(gateway, username="other") as other:
        for _ in range(SLEEPERS):
            await ready(crowd, "exec sleep 1000")
        carriers = [await other.run(CARRIER) for _ in range(3)]
        assert [told.stdout for told in carriers] == ["pipes\n"] * 3
        assert (await crowd.run(CARRIER)).stdout == "engine\n"


async def test_terminals_that_nobody_reads_ask_the_engine_no_more_than_one_users_part(
    gateway: Gateway, neighbour: Neighbour
) -> None:
    async with rude(gateway) as connection:
        for _ in range(TERMINALS):
            program = await ready(connection, "exec yes", term_type="xterm", window=WIDE)
            program.channel.pause_reading()
        go_deaf(connection)
        await asyncio.to_thread(neighbour.rounds, 1)
        before, began = inspects(gateway), time.monotonic()
        felt = await asyncio.to_thread(neighbour.rounds, ROUNDS)
        a_second = (inspects(gateway) - before) / (time.monotonic() - began)
    assert a_second <= 1.5 * QUESTIONS_A_SECOND
    await asyncio.to_thread(neighbour.bore, felt)


async def test_channels_that_a_client_never_closes_hold_nothing_and_are_limited(
    gateway: Gateway, neighbour: Neighbour
) -> None:
    growth, server, began = Growth(gateway.pid), psutil.Process(gateway.pid), time.monotonic()
    async with rude(gateway) as connection:
        await leave_open(connection, "true")
        threads = server.num_threads()
        for _ in range(ENDED):
            await leave_open(connection, "true")
        assert server.num_threads() - threads <= THREADS_MORE
        felt = await asyncio.to_thread(neighbour.since, began)
    await asyncio.to_thread(neighbour.bore, felt)
    assert growth.peak <= GROWTH, f"{growth.peak / MIB:.1f} MiB"


def inspects(gateway: Gateway) -> float:
    return gateway.metric("sshore_backend_requests_total", operation="exec_inspect")


async def leave_open(connection: Any, command: str) -> None:
    """Run a program to its end, and never answer the server's close of its channel."""
    program = await connection.create_process(command)
    program.channel._close_send = lambda: None
    await eventually(lambda: program.exit_status is not None, lambda: "its status has not come")
