"""Connections that ended must not wait for the cyclic collector to notice how much memory they hold."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path
from weakref import WeakSet

import asyncssh
import pytest
from sshore.ssh.garbage import EndedConnections
from sshore.ssh.listener import FileServer
from support.front_desk import FrontDesk

MOST = 16


@pytest.fixture
def collections(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """One entry for each that was asked for; nothing is collected otherwise."""
    asked: list[int] = []
    collect = gc.collect
    monkeypatch.setattr(gc, "collect", lambda: asked.append(collect()))
    gc.disable()
    yield asked
    gc.enable()


@pytest.fixture
def servers(monkeypatch: pytest.MonkeyPatch) -> WeakSet[FileServer]:
    """The connections whose memory is not freed."""
    there: WeakSet[FileServer] = WeakSet()
    made = FileServer.connection_made

    def connection_made(server: FileServer, conn: asyncssh.SSHServerConnection) -> None:
        there.add(server)
        made(server, conn)

    monkeypatch.setattr(FileServer, "connection_made", connection_made)
    return there


async def test_few_ended_connections_are_in_memory(
    tmp_path: Path, collections: list[int], servers: WeakSet[FileServer]
) -> None:
    async with FrontDesk(tmp_path, {}).open() as desk:
        for _ in range(3 * MOST):
            # Without a program: the engine in memory would remember that, and whom it wrote to.
            async with desk.login():
                pass
            await desk.until_connected(0)
        assert len(collections) == 3
        assert len(servers) <= MOST


@pytest.mark.parametrize(("living", "ended"), [(0, MOST), (4 * MOST, MOST), (400, 100)])
def test_the_more_live_the_rarer_they_are_looked_through(collections: list[int], living: int, ended: int) -> None:
    connections = EndedConnections()
    for _ in range(ended - 1):
        connections.add(living)
    assert not collections
    connections.add(living)
    assert len(collections) == 1
