"""Clients that ask on and on, or that leave a key exchange open: they cost no more than others, and nobody notices."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import asyncssh
import pytest
from asyncssh.constants import MSG_CHANNEL_OPEN, MSG_CHANNEL_REQUEST, MSG_GLOBAL_REQUEST
from asyncssh.packet import Boolean, String, UInt32
from support.census import LeavesNothing
from support.gateway import Gateway
from support.growth import GROWTH, MIB, Growth
from support.rude import SECONDS, WIDE, flood, go_deaf, ready, rude
from support.witness import Witness

pytestmark = pytest.mark.engine

MANY = 15_000
FEW = 30

Send = Callable[[Any, Any], None]


def ask_the_server(connection: Any, channel: Any) -> None:
    connection.send_packet(MSG_GLOBAL_REQUEST, String("keepalive@openssh.com"), Boolean(True))


def ask_the_channel(connection: Any, channel: Any) -> None:
    connection.send_packet(MSG_CHANNEL_REQUEST, UInt32(channel._send_chan), String("nonsense"), Boolean(True))


def open_channels(connection: Any, channel: Any) -> None:
    there, here = (String("localhost"), UInt32(80)), (String("127.0.0.1"), UInt32(8080))
    numbers = (UInt32(7), UInt32(WIDE), UInt32(32768))
    connection.send_packet(MSG_CHANNEL_OPEN, String("direct-tcpip"), *numbers, *there, *here)


def resize(connection: Any, channel: Any) -> None:
    size = [UInt32(number) for number in (80 + connection._send_seq % 50, 24, 0, 0)]
    connection.send_packet(
        MSG_CHANNEL_REQUEST, UInt32(channel._send_chan), String("window-change"), Boolean(False), *size
    )


def signal(connection: Any, channel: Any) -> None:
    request = (UInt32(channel._send_chan), String("signal"), Boolean(False), String("USR1"))
    connection.send_packet(MSG_CHANNEL_REQUEST, *request)


@pytest.mark.parametrize("send", [ask_the_server, ask_the_channel, open_channels, resize, signal])
async def test_a_client_that_asks_on_and_on_and_reads_no_answer(
    gateway: Gateway, leaving_nothing: LeavesNothing, witness: Witness, send: Send
) -> None:
    with leaving_nothing(f"client floods: {send.__name__.replace('_', ' ')}, reads nothing", gateway) as fault:
        growth = Growth(gateway.pid)
        async with rude(gateway) as connection:
            program = await ready(connection, "trap '' USR1; cat", term_type="xterm")
            go_deaf(connection)
            sending = asyncio.create_task(flood(connection, lambda: send(connection, program.channel), MANY))
            slowest = 0.0
            while not sending.done():
                slowest = max(slowest, await asyncio.to_thread(witness.answers))
            await sending
            fault.begins()
        fault.saw = f"the server grows by {growth.peak / MIB:.1f} MiB, a neighbour's line takes {slowest:.2f} s at most"
        assert growth.peak <= GROWTH, fault.saw


async def test_a_key_exchange_that_the_client_does_not_finish(
    gateway: Gateway, leaving_nothing: LeavesNothing, witness: Witness
) -> None:
    with leaving_nothing("key exchange begun and never finished, in the middle of output", gateway) as fault:
        growth = Growth(gateway.pid)
        async with rude(gateway) as connection:
            await ready(connection, "dd if=/dev/zero bs=1M count=1024", window=WIDE)
            begin_exchange(connection)
            await growth.standstill()
            fault.saw = f"output stops until it is finished; the server grows by {growth.peak / MIB:.1f} MiB"
            assert growth.peak <= GROWTH, fault.saw
            witness.answers()
            fault.begins()


async def test_requests_without_end_in_a_key_exchange(
    gateway: Gateway, leaving_nothing: LeavesNothing, witness: Witness
) -> None:
    mark = gateway.log_mark()
    with leaving_nothing("requests without end in an unfinished key exchange", gateway) as fault:
        async with rude(gateway) as connection:
            program = await ready(connection, "cat")
            begin_exchange(connection)
            connection._kex_complete = True
            fault.begins()
            await flood(connection, lambda: ask_the_channel(connection, program.channel), MANY)
            reason = "Too many requests during a key exchange"
            # To leave before that would reset the connection, and take back what the gateway has not read yet.
            await asyncio.to_thread(gateway.wait_for_log, f'event=disconnected .*reason="{reason}"', SECONDS, mark)
        fault.saw = f"disconnected: {reason}"


async def test_channels_that_are_closed_as_soon_as_their_programs_were_asked_for(
    gateway: Gateway, leaving_nothing: LeavesNothing, witness: Witness
) -> None:
    with leaving_nothing(f"{FEW} times: channel opened, program asked for, channel closed", gateway) as fault:
        async with rude(gateway) as connection:
            for _ in range(FEW):
                # So many may be open, and those that are about to close count no more.
                try:
                    program = await connection.create_process("sleep 1000")
                except asyncssh.ChannelOpenError:
                    continue
                program.channel.abort()
            assert (await asyncio.wait_for(connection.run("echo on"), SECONDS)).stdout == "on\n"
            fault.begins()
        fault.saw = "nothing of it: the next program runs as usual"


def begin_exchange(connection: Any) -> None:
    """Send the first packet of a key exchange, and look at nothing that comes."""
    go_deaf(connection)
    connection._send_kexinit()
    connection._kexinit_sent = True
