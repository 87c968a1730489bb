"""What a client gets for one event of the loop costs one send; nothing of it is lost when the connection ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from asyncssh.constants import MSG_DEBUG
from asyncssh.packet import Boolean, String
from sshore.ssh.gathered_writes import MOST_GATHERED
from support.client import eventually
from support.front_desk import FrontDesk


@asynccontextmanager
async def watched(folder: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[Any, Any, list[int]]]:
    """A client's connection, the server's side of it, and the size of every send from now on."""
    async with FrontDesk(folder, {}).open() as desk, desk.login() as connection:
        [guest] = desk.listener._limits.admission.guests()
        server: Any = guest._connection  # type: ignore[attr-defined]  # a test looks inside
        sends: list[int] = []
        write = server._transport.write

        def noted(data: bytes) -> None:
            sends.append(len(data))
            write(data)

        # Its answer comes behind all that the server has to say about the login.
        await connection._make_global_request(b"keepalive@openssh.com")
        monkeypatch.setattr(server._transport, "write", noted)
        yield connection, server, sends


async def test_packets_outside_of_an_event_are_sent_together_in_the_next_turn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with watched(tmp_path, monkeypatch) as (_, server, sends):
        for _ in range(5):
            server.send_packet(MSG_DEBUG, *_debug(1000))
        assert sends == []
        await asyncio.sleep(0)
        [size] = sends
        assert 5000 < size < 6000


async def test_much_does_not_wait_for_the_events_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with watched(tmp_path, monkeypatch) as (_, server, sends):
        packet = _debug(30_000)
        for _ in range(MOST_GATHERED // 30_000 + 2):
            server.send_packet(MSG_DEBUG, *packet)
        assert len(sends) == 1
        assert MOST_GATHERED <= sends[0] < MOST_GATHERED + 40_000


async def test_what_is_said_last_reaches_the_client(tmp_path: Path) -> None:
    async with FrontDesk(tmp_path, {}).open() as desk:
        client = asyncio.create_task(desk.openssh("127.0.0.1", "sleep 100"))
        await eventually(lambda: bool(desk.book.of("authenticated")), "the login")
        desk.listener.dismiss("This is the end.")
        status, said = await client
        assert status == 255
        assert "This is the end." in said


def _debug(size: int) -> tuple[bytes, bytes, bytes]:
    """A message that clients only note (RFC 4253 §11.3)."""
    return Boolean(False), String(bytes(size)), String(b"")
