"""Users with root in their containers who put something else in the place of what sshore runs there."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from itertools import cycle
from typing import Any

import pytest
from asyncssh.constants import MSG_CHANNEL_REQUEST
from asyncssh.packet import Boolean, String, UInt32
from support.census import REST_SECONDS
from support.gateway import Gateway, StartGateway, wait_until
from support.growth import MIB, Growth
from support.neighbour import Neighbour, neighbour_of
from support.rude import SECONDS, flood, ready, rude

pytestmark = [pytest.mark.engine, pytest.mark.timeout(90)]

GROWTH = 32 * MIB
ROUNDS = 4
TRIES = 3
FLOODS = {
    "stderr": "exec cat /dev/zero >&2",
    "zeros": "exec cat /dev/zero",
    "newlines": 'exec yes ""',
    "small lines": "while :; do echo 12x; echo 13x >&2; done",
}
REPLACE = "rm /bin/sh && printf '%s\\n' '#!/bin/busybox sh' '{flood}' >/bin/sh && chmod 755 /bin/sh"


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


@pytest.mark.parametrize("flood", FLOODS)
async def test_a_shell_that_floods_in_place_of_the_launchers_line(
    gateway: Gateway, neighbour: Neighbour, flood: str
) -> None:
    growth, mark = Growth(gateway.pid), gateway.log_mark()
    async with rude(gateway) as connection:
        done = await asyncio.wait_for(connection.run(REPLACE.format(flood=FLOODS[flood])), SECONDS)
        assert done.exit_status == 0, done
        for _ in range(TRIES):
            began = time.monotonic()
            for _ in range(3):
                told = await asyncio.wait_for(connection.run("true"), SECONDS)
                assert told.exit_status == 126
                assert "something else answered in its place. (START_FLOODED)" in told.stderr
            felt = await asyncio.to_thread(neighbour.since, began, ROUNDS)
            if felt.within(neighbour.quiet):
                break
    # The flooding shell takes its processor time as well: what the server is kept by comes every time.
    await asyncio.to_thread(neighbour.bore, felt)
    assert growth.peak <= GROWTH, f"{growth.peak / MIB:.1f} MiB"
    gateway.wait_for_log(r"code=START_FLOODED", since=mark)


LIES = 'echo "$$ {word}"; exec /bin/busybox sh "$@"'
END_WAITING_SHELLS = "for p in /proc/[0-9]*; do grep -q '[.]order' $p/cmdline && kill -9 ${p#/proc/}; done 2>/dev/null"
CARRIER = "for fd in 0 1 2; do readlink /proc/self/fd/$fd; done"


@pytest.mark.parametrize("word", ["closed", "apart"])
async def test_the_first_users_lies_about_named_pipes_are_his_own_matter(
    start_gateway: StartGateway, word: str
) -> None:
    gateway = start_gateway("connection", execution={"pipes": "auto"})
    async with rude(gateway) as connection:
        # With a terminal there are no pipes: nobody has used them yet.
        lying = f"{REPLACE.format(flood=LIES.format(word=word))}; {END_WAITING_SHELLS}; true"
        done = await asyncio.wait_for(connection.run(lying, term_type="xterm"), SECONDS)
        assert done.exit_status == 0, done
        for _ in range(3):
            told = await asyncio.wait_for(connection.run(CARRIER), SECONDS)
            assert "/run/sshore/" not in told.stdout, "it was taken at its word"
        async with rude(gateway) as other:
            told = await asyncio.wait_for(other.run(CARRIER), SECONDS)
            assert [line.startswith("/run/sshore/") for line in told.stdout.splitlines()] == [True] * 3
            await asyncio.to_thread(wait_until, lambda: gateway.metric("sshore_shells_waiting") >= 2)
    assert "named_pipes_not_used" not in gateway.log


STOP_CONTROL = "kill -STOP $(cat /proc/1/task/1/children)"
SIGNALS = 26_000
STOP_SECONDS = 15.0


async def test_a_control_shell_that_its_root_has_stopped(gateway: Gateway, neighbour: Neighbour) -> None:
    growth, mark = Growth(gateway.pid), gateway.log_mark()
    async with rude(gateway) as connection:
        program = await stopping_control(connection)
        await flood(connection, signals_to(connection, program.channel), SIGNALS)
        felt = await asyncio.to_thread(neighbour.rounds, ROUNDS)
        assert len(gateway.containers()) == 2
    await asyncio.to_thread(wait_until, lambda: len(gateway.containers()) == 1, REST_SECONDS)
    await asyncio.to_thread(neighbour.bore, felt)
    assert growth.peak <= GROWTH, f"{growth.peak / MIB:.1f} MiB"
    assert gateway.log[mark:].count("level=warning") <= 2


async def test_a_gateway_stops_in_time_whatever_its_users_roots_have_stopped(start_gateway: StartGateway) -> None:
    gateway = start_gateway("connection")
    async with rude(gateway) as first, rude(gateway) as second:
        for connection in (first, second):
            program = await stopping_control(connection)
            await flood(connection, signals_to(connection, program.channel), SIGNALS)
        began = time.monotonic()
        await asyncio.to_thread(gateway.stop)
        assert time.monotonic() - began < STOP_SECONDS


async def stopping_control(connection: Any) -> Any:
    program = await ready(connection, f"trap '' USR1 WINCH; {STOP_CONTROL} && echo stopped; exec cat")
    assert await asyncio.wait_for(program.stdout.readline(), SECONDS) == b"stopped\n"
    return program


def signals_to(connection: Any, channel: Any) -> Callable[[], None]:
    # One that waits already is not sent twice.
    names = cycle(("USR1", "WINCH", "CONT", "CHLD"))

    def send_one() -> None:
        request = (UInt32(channel._send_chan), String("signal"), Boolean(False), String(next(names)))
        connection.send_packet(MSG_CHANNEL_REQUEST, *request)

    return send_one
