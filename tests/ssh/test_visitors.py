"""Clients that have connected and not said yet that they speak SSH."""

from __future__ import annotations

import asyncio
import gc
import socket
from contextlib import ExitStack
from pathlib import Path

import asyncssh
import pytest
from sshore.actors.refusals import refuse
from sshore.metrics.codes import Code
from sshore.metrics.counters import Metrics
from sshore.ssh.few_lines import FewLines
from sshore.ssh.identification import farewell
from sshore.ssh.reception import Reception
from sshore.ssh.visitor import Visitor
from support.client import eventually
from support.front_desk import FrontDesk
from support.logbook import Logbook

VERSION = b"SSH-2.0-client\r\n"
IGNORED = (12).to_bytes(4, "big") + bytes([6, 2]) + bytes(10)
"""A message of the smallest kind."""
KEXINIT = 20
_SECONDS = 10.0


@pytest.mark.parametrize(
    "said",
    [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01\x02\x00\x01", b"SSH-1.5-old\r\n", b"SSH-2.0-" + b"x" * 300],
)
async def test_what_is_no_ssh_is_told_so_and_closed(tmp_path: Path, said: bytes) -> None:
    async with FrontDesk(tmp_path, {}).open() as desk:
        reader, writer = await desk.socket()
        writer.write(said)
        heard = await asyncio.wait_for(reader.read(), _SECONDS)
        assert heard == b"SSH-2.0-sshore\r\nInvalid SSH identification string.\r\n"
        await desk.until_connected(0)


async def test_a_version_may_come_byte_by_byte_and_with_what_follows(tmp_path: Path) -> None:
    async with FrontDesk(tmp_path, {}).open() as desk:
        reader, writer = await desk.socket()
        for byte in b"SSH-2.0-slow one\r":
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0)
        assert await reader.readline() == b"SSH-2.0-sshore\r\n"
        writer.write(b"\n" + IGNORED)
        packet = await asyncio.wait_for(reader.readexactly(6), _SECONDS)
        assert packet[5] == KEXINIT
        writer.close()
        await desk.until_connected(0)


async def test_where_many_come_a_version_alone_is_not_enough_for_a_while(tmp_path: Path) -> None:
    async with FrontDesk(tmp_path, {"maxStartups": 8}).open() as desk:
        silent = [await desk.socket() for _ in range(5)]
        await desk.until_connected(len(silent))
        (waiting, writer), (eager, eager_writer) = await desk.socket(), await desk.socket()
        for reader, one, said in ((waiting, writer, VERSION), (eager, eager_writer, VERSION + IGNORED)):
            assert await reader.readline() == b"SSH-2.0-sshore\r\n"
            one.write(said)
        assert (await asyncio.wait_for(eager.readexactly(6), _SECONDS))[5] == KEXINIT
        # This one waits for the server to begin, as it may.
        assert not waiting._buffer  # type: ignore[attr-defined]
        assert (await asyncio.wait_for(waiting.readexactly(6), _SECONDS))[5] == KEXINIT
        async with desk.login():
            pass


async def test_a_client_that_leaves_without_a_word_is_forgotten(tmp_path: Path) -> None:
    async with FrontDesk(tmp_path, {}).open() as desk:
        for _ in range(3):
            _, writer = await desk.socket()
            await desk.until_connected(1)
            writer.close()
            await desk.until_connected(0)
        assert desk.metrics.registry.get_sample_value("sshore_connections_total") == 3


async def test_a_flood_of_sockets_is_no_flood_of_lines(tmp_path: Path) -> None:
    async with FrontDesk(tmp_path, {"maxStartups": 5}).open() as desk:
        with ExitStack() as stack:
            for _ in range(300):
                stack.enter_context(socket.create_connection(("127.0.0.1", desk.listener.port), _SECONDS))
            await eventually(lambda: desk.refusals("TOO_MANY_STARTUPS") == 295, lambda: "not all are counted")
        assert len(desk.book.of("connection_refused")) < 295
        async with desk.login():
            pass


def test_a_second_has_so_many_lines_and_the_next_one_tells_of_the_rest() -> None:
    now, book, metrics = 0.0, Logbook(), Metrics()
    refusals = FewLines(book.log, metrics, lambda: now)
    refused = refuse(Code.TOO_MANY_STARTUPS, "a flood")
    for _ in range(50):
        refusals.record(refused, "192.0.2.1")
    assert [line.get("unlogged") for line in book.lines] == [None] * 20
    now = 1.0
    refusals.record(refused, "192.0.2.1")
    refusals.record(refused, "192.0.2.1")
    assert [line.get("unlogged") for line in book.lines[20:]] == [30, None]
    assert metrics.registry.get_sample_value("sshore_refusals_total", {"code": "TOO_MANY_STARTUPS"}) == 52


async def test_few_are_accepted_in_one_turn_of_the_loop(tmp_path: Path) -> None:
    async with FrontDesk(tmp_path, {"maxStartups": 0}).open() as desk:
        with ExitStack() as stack:
            for _ in range(200):
                stack.enter_context(socket.create_connection(("127.0.0.1", desk.listener.port), _SECONDS))
            most, before = 0, desk.connected()
            while before < 200:
                await asyncio.sleep(0)
                most, before = max(most, int(desk.connected() - before)), desk.connected()
        assert 0 < most <= 8


async def test_a_farewell_is_a_message_of_the_protocol(tmp_path: Path) -> None:
    """asyncssh's client takes it for what it is."""

    async def say(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-x\r\n" + farewell(asyncssh.DISC_TOO_MANY_CONNECTIONS, "No room, sorry."))
        await reader.read()
        writer.close()

    async with await asyncio.start_server(say, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(asyncssh.DisconnectError, match="No room, sorry") as said:
            await asyncssh.connect("127.0.0.1", port, known_hosts=None, config=None, client_keys=None, agent_path=None)
        assert said.value.code == asyncssh.DISC_TOO_MANY_CONNECTIONS


async def test_one_that_is_sent_away_as_it_gets_its_connection_is_nobodys_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue, failures = Reception.queue, []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: failures.append(context))

    def queue_and_dismiss(reception: Reception, visitor: Visitor) -> None:
        queue(reception, visitor)
        visitor.dismiss(Code.TOO_MANY_STARTUPS, "a newer one")

    async with FrontDesk(tmp_path, {}).open() as desk:
        with monkeypatch.context() as patch:
            patch.setattr(Reception, "queue", queue_and_dismiss)
            reader, writer = await desk.socket()
            writer.write(VERSION + IGNORED)
            assert refuse(Code.TOO_MANY_STARTUPS, "").user.encode() in await asyncio.wait_for(reader.read(), _SECONDS)
            writer.close()
            await desk.until_connected(0)
        async with desk.login():
            pass
    gc.collect()
    assert failures == []
