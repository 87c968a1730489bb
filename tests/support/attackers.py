"""Clients that keep a server busy, in a process of their own: `python attackers.py KIND PORT USER KEY NUMBER`.

It says `ready` once all of them are at work, and goes on until its stdin ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import struct
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import asyncssh
from asyncssh.constants import (
    MSG_CHANNEL_OPEN,
    MSG_CHANNEL_OPEN_CONFIRMATION,
    MSG_CHANNEL_OPEN_FAILURE,
    MSG_CHANNEL_REQUEST,
    MSG_GLOBAL_REQUEST,
    MSG_IGNORE,
    MSG_KEXINIT,
    MSG_REQUEST_FAILURE,
    MSG_REQUEST_SUCCESS,
    MSG_UNIMPLEMENTED,
)
from asyncssh.packet import Boolean, String, UInt32

_MIB = 1024 * 1024
_WIDE = 2**31 - 1
_HEAP = 100


@dataclass(frozen=True)
class Target:
    port: int
    user: str
    key: str


async def idle(_: Target, at_work: Callable[[], None]) -> None:
    """Takes a processor, and leaves the server alone."""
    at_work()
    while True:
        sum(range(1000))
        await asyncio.sleep(0)


async def ignored_before_login(target: Target, at_work: Callable[[], None]) -> None:
    """Sends the smallest packets there are, without a key exchange."""
    packet = struct.pack(">IB", 12, 6) + bytes([MSG_IGNORE]) + bytes(4) + bytes(6)
    heap = packet * (_MIB // 4 // len(packet))
    while True:
        reader, writer = await asyncio.open_connection("127.0.0.1", target.port)
        try:
            writer.write(b"SSH-2.0-attacker\r\n")
            await reader.readline()
            at_work()
            while True:
                writer.write(heap)
                await writer.drain()
        except OSError:
            writer.close()


async def name_lists(target: Target, at_work: Callable[[], None]) -> None:
    """Names as many algorithms as a packet has room for, all of them unknown."""
    lists = [String(b",".join([b"x"] * 15_000)), *(String(b"x") for _ in range(9))]
    payload = bytes([MSG_KEXINIT]) + bytes(16) + b"".join(lists) + bytes(5)
    padding = 8 + -(5 + len(payload)) % 8
    packet = UInt32(1 + len(payload) + padding) + bytes([padding]) + payload + bytes(padding)
    await _call_again(target, at_work, b"SSH-2.0-attacker\r\n" + packet)


async def endless_versions(target: Target, at_work: Callable[[], None]) -> None:
    """Says its version, and does not come to an end."""
    await _call_again(target, at_work, b"SSH-2.0-" + bytes(_MIB))


async def half_logins(target: Target, at_work: Callable[[], None]) -> None:
    """Exchanges keys, and goes away."""
    while True:
        at_work()
        try:
            connection, _ = await asyncssh.create_connection(
                asyncssh.SSHClient, "127.0.0.1", target.port, username="nobody", client_keys=None, **_QUIET
            )
        except (OSError, asyncssh.Error):
            continue
        connection.abort()


async def ignored(target: Target, at_work: Callable[[], None]) -> None:
    """Sends what is to be ignored, encrypted."""
    await _flood(target, at_work, lambda connection: connection.send_packet(MSG_IGNORE, String(b"")))


async def global_requests(target: Target, at_work: Callable[[], None]) -> None:
    """Asks what nobody knows."""
    question = (String("no-such-question"), Boolean(True))
    await _flood(target, at_work, lambda connection: connection.send_packet(MSG_GLOBAL_REQUEST, *question))


async def forwards(target: Target, at_work: Callable[[], None]) -> None:
    """Asks for a forwarding."""
    question = (String("tcpip-forward"), Boolean(True), String("localhost"), UInt32(0))
    await _flood(target, at_work, lambda connection: connection.send_packet(MSG_GLOBAL_REQUEST, *question))


async def channel_opens(target: Target, at_work: Callable[[], None]) -> None:
    """Opens channels of a kind that there is not, and of the kind that there is, too many."""
    numbers = (UInt32(7), UInt32(_WIDE), UInt32(32768))

    def send(connection: Any) -> None:
        connection.send_packet(MSG_CHANNEL_OPEN, String("no-such-channel"), *numbers)
        connection.send_packet(MSG_CHANNEL_OPEN, String("session"), *numbers)

    await _flood(target, at_work, send)


async def unknown_packets(target: Target, at_work: Callable[[], None]) -> None:
    """Sends packets of a type that there is not: each is answered."""
    await _flood(target, at_work, lambda connection: connection.send_packet(192))


async def channel_requests(target: Target, at_work: Callable[[], None]) -> None:
    """Sets variables, changes the window's size and sends signals, on a channel with a program."""

    def send(channel: Any) -> None:
        for name, arguments in _REQUESTS:
            channel.send_packet(MSG_CHANNEL_REQUEST, String(name), Boolean(False), *arguments)

    await _flood_channel(target, at_work, "sleep 1000", send)


async def single_bytes(target: Target, at_work: Callable[[], None]) -> None:
    """Sends a program its input byte by byte."""
    await _flood_channel(target, at_work, "cat >/dev/null", lambda channel: channel.write(b"x"))


async def tiny_packets(target: Target, at_work: Callable[[], None]) -> None:
    """Has a program write without end, into packets of one byte."""
    await _endless_output(target, at_work, max_pktsize=1)


async def tiny_windows(target: Target, at_work: Callable[[], None]) -> None:
    """Has a program write without end, and grants a byte at a time."""
    await _endless_output(target, at_work, window=1)


async def key_exchanges(target: Target, at_work: Callable[[], None]) -> None:
    """Exchanges keys again and again."""
    async with _logged_in(target) as connection:
        at_work()
        while True:
            if connection._kex_complete:
                connection._send_kexinit()
                connection._kexinit_sent = True
            await asyncio.sleep(0.001)


_QUIET = {"known_hosts": None, "agent_path": None, "config": None}
_ANSWERS = (
    *(MSG_REQUEST_SUCCESS, MSG_REQUEST_FAILURE, MSG_CHANNEL_OPEN_CONFIRMATION, MSG_CHANNEL_OPEN_FAILURE),
    *(MSG_UNIMPLEMENTED, MSG_GLOBAL_REQUEST),
)
_REQUESTS = (
    ("env", (String("LC_ALL"), String("C"))),
    ("window-change", tuple(map(UInt32, (80, 24, 0, 0)))),
    ("signal", (String("WINCH"),)),
    ("no-such-request", ()),
)


async def _call_again(target: Target, at_work: Callable[[], None], said: bytes) -> None:
    """Connect, say so much, and again when the server hangs up."""
    while True:
        reader, writer = await asyncio.open_connection("127.0.0.1", target.port)
        at_work()
        with contextlib.suppress(OSError):
            writer.write(said)
            while await reader.read(_MIB):
                pass
        writer.close()


def _logged_in(target: Target) -> Any:
    return asyncssh.connect("127.0.0.1", target.port, username=target.user, client_keys=[target.key], **_QUIET)


async def _flood(target: Target, at_work: Callable[[], None], send: Callable[[Any], None]) -> None:
    async with _logged_in(target) as connection:
        # Answers that nobody waits for would end it.
        connection._packet_handlers = {**connection._packet_handlers, **dict.fromkeys(_ANSWERS, _drop)}
        at_work()
        await _send_on(connection, lambda: send(connection))


async def _flood_channel(
    target: Target, at_work: Callable[[], None], command: str, send: Callable[[Any], None]
) -> None:
    async with _logged_in(target) as connection:
        process = await connection.create_process(command, encoding=None)
        at_work()
        await _send_on(connection, lambda: send(process.channel))


async def _endless_output(target: Target, at_work: Callable[[], None], **options: int) -> None:
    async with _logged_in(target) as connection:
        process = await connection.create_process("yes", encoding=None, **options)
        at_work()
        while await process.stdout.read(_MIB):
            pass


async def _send_on(connection: Any, send: Callable[[], None]) -> None:
    room = asyncio.Event()
    room.set()
    connection.pause_writing, connection.resume_writing = room.clear, room.set
    while connection._transport:
        for _ in range(_HEAP):
            send()
        await asyncio.sleep(0)
        await room.wait()
    raise ConnectionError


def _drop(*_: object) -> bool:
    return True


_KINDS: tuple[Callable[[Target, Callable[[], None]], Awaitable[None]], ...] = (
    *(idle, ignored_before_login, name_lists, endless_versions, half_logins),
    *(ignored, global_requests, forwards, channel_opens, unknown_packets, channel_requests),
    *(single_bytes, tiny_packets, tiny_windows, key_exchanges),
)
KINDS = {kind.__name__: kind for kind in _KINDS}


async def _attack(kind: str, target: Target, number: int) -> None:
    left = number

    def at_work() -> None:
        nonlocal left
        left -= 1
        if left == 0:
            print("ready", flush=True)

    attackers = [asyncio.create_task(KINDS[kind](target, at_work)) for _ in range(number)]
    loop, over = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(sys.stdin.fileno(), over.set)
    ended = asyncio.ensure_future(asyncio.gather(*attackers))
    await asyncio.wait((ended, asyncio.create_task(over.wait())), return_when=asyncio.FIRST_COMPLETED)
    if not over.is_set():
        ended.result()
    os._exit(0)


if __name__ == "__main__":
    os.nice(10)
    asyncio.run(_attack(sys.argv[1], Target(int(sys.argv[2]), sys.argv[3], sys.argv[4]), int(sys.argv[5])))
