"""What one client makes the server keep is bounded, whatever it sends, does not read, or does not finish."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import asyncssh
import pytest
from asyncssh.constants import MSG_GLOBAL_REQUEST
from asyncssh.packet import Boolean, String
from sshore.ssh import packet_reader
from sshore.ssh.listener import FileServer
from support.client import SECONDS, eventually
from support.front_desk import FrontDesk

KIB = 1024
WIDE = 2**31 - 1


@asynccontextmanager
async def logged_in(folder: Path) -> AsyncIterator[tuple[Any, Any]]:
    """A client's connection, and the server's side of it; both with everything that is inside them."""
    async with FrontDesk(folder, {}).open() as desk, desk.login() as connection:
        yield connection, of_server(desk)


class Handle(asyncssh.SSHClient):
    """A client whose connection can be had while it still logs in."""

    connection: Any

    def connection_made(self, conn: asyncssh.SSHClientConnection) -> None:
        self.connection = conn


async def connect(desk: FrontDesk, client: Handle) -> None:
    async with desk.login(client_keys=None, password="any", client_factory=lambda: client):
        pass


def of_server(desk: FrontDesk) -> Any:
    [guest] = desk.listener._limits.admission.guests()
    return guest._connection


def ask(connection: Any, times: int) -> None:
    """Ask what has to be answered, again and again."""
    for _ in range(times):
        connection._global_request_waiters.append(asyncio.get_running_loop().create_future())
        connection.send_packet(MSG_GLOBAL_REQUEST, String("keepalive@openssh.com"), Boolean(True))


def narrow(connection: Any, server: Any) -> None:
    """Let the kernel keep little of what is for the client: the rest is the server's own."""
    server.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    connection.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)


async def test_a_client_that_takes_no_answer_is_not_read_from_until_it_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packet_reader, "MOST_UNSENT", 64 * KIB)
    async with logged_in(tmp_path) as (connection, server):
        transport = server._transport
        connection._transport.pause_reading()  # a client that does not read
        narrow(connection, server)
        while transport.is_reading():
            ask(connection, 1000)
            await asyncio.sleep(0)
        ask(connection, 2000)
        await asyncio.sleep(0.2)
        assert not transport.is_reading()
        # One read's answers may come on top.
        assert transport.get_write_buffer_size() < 1024 * KIB

        connection._transport.resume_reading()
        await eventually(transport.is_reading)
        assert (await asyncio.wait_for(connection.run("echo on"), SECONDS)).stdout == "on\n"


async def test_what_comes_behind_a_packet_that_takes_time_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checking, checked = asyncio.Event(), asyncio.Event()

    async def begin_auth(*_: object) -> bool:
        checking.set()
        await checked.wait()
        return True

    monkeypatch.setattr(FileServer, "begin_auth", begin_auth)
    client = Handle()
    async with FrontDesk(tmp_path, {}).open() as desk:
        login = asyncio.create_task(connect(desk, client))
        await asyncio.wait_for(checking.wait(), SECONDS)
        server = of_server(desk)
        client.connection._transport.write(bytes(16 * KIB * KIB))
        await eventually(lambda: not server._transport.is_reading(), "the pause")
        waiting = server.get_owner()._gate._reading._waiting
        # One read may come on top.
        assert len(waiting) <= packet_reader.STRANGERS_WAITING + 16 * KIB
        checked.set()
        with pytest.raises(asyncssh.Error):
            await asyncio.wait_for(login, SECONDS)


async def test_a_client_that_does_not_finish_a_key_exchange_stops_the_output_of_its_programs(tmp_path: Path) -> None:
    async with logged_in(tmp_path) as (connection, server):
        program = await connection.create_process("yes", window=WIDE)
        await program.stdout.readexactly(2)
        connection._transport.pause_reading()
        connection._send_kexinit()
        connection._kexinit_sent = True
        await eventually(lambda: not server._kex_complete, "the exchange")
        await eventually(lambda: server.get_owner()._gate.full, "the gate")
        kept = len(server._deferred_packets)
        await asyncio.sleep(0.2)
        assert len(server._deferred_packets) - kept < 100

        connection._transport.resume_reading()
        await eventually(lambda: server._kex_complete, "the end of the exchange")
        assert set(await program.stdout.readexactly(KIB * KIB)) == set("y\n")


async def test_a_client_that_asks_on_and_on_in_a_key_exchange_is_disconnected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packet_reader, "MOST_KEPT", 100)
    async with FrontDesk(tmp_path, {}).open() as desk, desk.login() as login:
        connection, server = cast(Any, login), of_server(desk)
        connection._transport.pause_reading()
        connection._send_kexinit()
        connection._kex_complete = True  # as if it had never heard of RFC 4253 §7.1
        ask(connection, 101)
        await eventually(lambda: server._transport is None, "the disconnect")
        await eventually(lambda: "Too many requests during a key exchange" in str(desk.book.lines), "the reason")


async def test_single_bytes_that_wait_for_a_program_are_kept_together(tmp_path: Path) -> None:
    async with logged_in(tmp_path) as (connection, server):
        program = await connection.create_process("wc -c")
        [channel] = server._channels.values()
        await eventually(lambda: not channel._recv_paused, "the program's start")
        channel.pause_reading()
        for _ in range(2000):
            program.stdin.write("x")
        program.stdin.write_eof()
        await eventually(lambda: sum(len(data) for data, _ in channel._recv_buf) == 2000, "the input")
        assert len(channel._recv_buf) == 1
        channel.resume_reading()
        assert (await program.wait()).stdout == "2000\n"


async def test_single_bytes_that_wait_for_the_client_are_kept_together(tmp_path: Path) -> None:
    async with logged_in(tmp_path) as (connection, server):
        program = await connection.create_process("cat", window=1, encoding=None)
        program.channel.pause_reading()
        [channel] = server._channels.values()
        for number in range(2000):
            channel.write(b"%d" % (number % 10), number // 1000 or None)
        assert len(channel._send_buf) == 2
        program.channel._init_recv_window = KIB
        program.channel.resume_reading()
        assert await program.stdout.readexactly(1000) == b"0123456789" * 100
        assert await program.stderr.readexactly(1000) == b"0123456789" * 100
