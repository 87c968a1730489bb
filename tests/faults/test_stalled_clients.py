"""Clients that stop reading, or that send to programs that do not read: they wait, and the server does not grow."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest
from sshore.ssh.channel_window import FIRST_WINDOW
from support.census import LeavesNothing
from support.engine_proxy import EngineProxy
from support.gateway import Gateway, StartGateway, wait_until
from support.growth import GROWTH, MIB, Growth
from support.pool_switch import COLD
from support.rude import WIDE, go_deaf, ready, rude
from support.witness import Witness

pytestmark = pytest.mark.engine

GIB = 1024 * MIB
ONE_GIB = "dd if=/dev/zero bs=1M count=1024"
USUAL = 2 * MIB
TWENTY = 20
WINDOWS = {"a usual window": USUAL, "a window of 2 GiB": WIDE, "a window of one byte": 1}
TALKERS = {
    "stdout": ONE_GIB,
    "stderr": "cat /dev/zero >&2",
    "a terminal": ONE_GIB,
    "single bytes": "while :; do printf x; printf y >&2; done",
}
KEPT = 64 * 1024
"""What a channel takes of a program's output though its client grants nothing."""


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("talker", TALKERS)
async def test_a_client_that_stops_reading_while_a_gib_is_offered(
    gateway: Gateway, leaving_nothing: LeavesNothing, witness: Witness, talker: str, window: str
) -> None:
    term = "xterm" if talker == "a terminal" else None
    with leaving_nothing(f"client stops reading {talker}, {window}", gateway) as fault:
        growth = Growth(gateway.pid)
        async with rude(gateway) as connection:
            before, options = said(gateway), {"encoding": None, "window": WINDOWS[window], "term_type": term}
            program = await connection.create_process(TALKERS[talker], **options)
            # It reads its socket, but not what is in it: with a window of one byte it grants none from now on.
            program.channel.pause_reading()
            await asyncio.to_thread(wait_until, lambda: said(gateway) - before >= KEPT)
            go_deaf(connection)
            await growth.standstill()
            assert program.exit_status is None
            fault.saw = f"output stops until he reads on; the server grows by {growth.peak / MIB:.1f} MiB"
            assert growth.peak <= GROWTH, fault.saw
            witness.answers()
            fault.begins()


@pytest.mark.parametrize("listener", ["a pipe", "a terminal"])
async def test_a_client_that_sends_a_gib_to_a_program_that_does_not_read(
    gateway: Gateway, leaving_nothing: LeavesNothing, witness: Witness, listener: str
) -> None:
    term = "xterm" if listener == "a terminal" else None
    with leaving_nothing(f"client sends for ever into {listener}, the program does not read", gateway) as fault:
        growth = Growth(gateway.pid)
        async with rude(gateway) as connection:
            program = await ready(connection, "stty raw -echo 2>/dev/null; exec sleep 1000", term_type=term)
            sending = asyncio.create_task(send_a_gib(program))
            await growth.standstill()
            assert not sending.done()
            fault.saw = f"his client waits; the server grows by {growth.peak / MIB:.1f} MiB"
            assert growth.peak <= GROWTH, fault.saw
            witness.answers()
            fault.begins()
            sending.cancel()


async def test_a_client_that_sends_a_gib_before_its_container_is_there(
    proxy: EngineProxy, start_gateway: StartGateway, mode: str
) -> None:
    # There is a container only when he has made his own.
    gateway = start_gateway(mode, host=proxy.host, execution=COLD)
    create = proxy.hold_request("POST", "/containers/create.*")
    growth = Growth(gateway.pid)
    async with rude(gateway) as connection:
        program = await connection.create_process("wc -c", encoding=None)
        sending = asyncio.create_task(send_a_gib(program))
        await asyncio.to_thread(create.wait_for, 1)
        await growth.standstill()
        assert not sending.done()
        assert growth.peak <= GROWTH, f"{growth.peak / MIB:.1f} MiB"
        sending.cancel()
        create.release()
        await asyncio.gather(sending, return_exceptions=True)
        program.stdin.write_eof()
        counted = int(await asyncio.wait_for(program.stdout.readline(), 30))
        assert counted >= FIRST_WINDOW


async def test_twenty_clients_that_stop_reading_at_once(
    gateway: Gateway, leaving_nothing: LeavesNothing, witness: Witness
) -> None:
    with leaving_nothing(f"{TWENTY} clients stop reading, each with a window of 2 GiB", gateway) as fault:
        growth = Growth(gateway.pid)
        async with AsyncExitStack() as crowd:
            connections = [await crowd.enter_async_context(rude(gateway)) for _ in range(TWENTY)]
            await asyncio.gather(*(ready(one, f"read go; {ONE_GIB}", window=WIDE) for one in connections))
            for one in connections:
                [channel] = one._channels.values()
                channel.write(b"go\n")
                go_deaf(one)
            await growth.standstill()
            fault.saw = f"output stops until they read on; the server grows by {growth.peak / MIB:.1f} MiB"
            assert growth.peak <= TWENTY * GROWTH, fault.saw
            witness.answers()
            fault.begins()


def said(gateway: Gateway) -> float:
    """How many bytes of programs' output have come so far."""
    return gateway.metric("sshore_bytes_total", direction="out")


async def send_a_gib(program: object) -> None:
    for _ in range(GIB // MIB):
        program.stdin.write(bytes(MIB))  # type: ignore[attr-defined]
        await program.stdin.drain()  # type: ignore[attr-defined]
