"""A vanished engine's machine is noticed while something is sent there; one that does not read is no vanished one."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator

import pytest
from sshore.engine import link_watch
from sshore.engine.link_watch import LinkWatch, answers

SECONDS = 10.0


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        here = socket.create_connection(listener.getsockname())
        there, _ = listener.accept()
    with here, there:
        here.setblocking(False)
        yield here, there


def info(sock: socket.socket) -> tuple[bool, float]:
    return answers(sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104))


def test_what_was_acknowledged_is_answered(pair: tuple[socket.socket, socket.socket]) -> None:
    here, there = pair
    here.sendall(b"hello")
    assert there.recv(10) == b"hello"
    unanswered, silent = info(here)
    assert not unanswered
    assert silent < SECONDS


async def test_whoever_does_not_read_is_not_lost(
    pair: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    here, _ = pair
    monkeypatch.setattr(link_watch, "_CHECK_SECONDS", 0.02)
    monkeypatch.setattr(link_watch, "VANISHED_SECONDS", 0.2)
    losses: list[OSError] = []
    with contextlib.suppress(BlockingIOError):
        while True:
            here.send(b"x" * 65_536)
    watch = LinkWatch(asyncio.get_running_loop(), here, lambda: True, losses.append)
    watch.sent()
    await asyncio.sleep(1.0)
    assert losses == []
    watch.close()


async def test_whoever_is_silent_although_something_was_sent_is_lost(
    pair: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    here, _ = pair
    monkeypatch.setattr(link_watch, "_CHECK_SECONDS", 0.02)
    silences = iter([(True, 10.0), (False, 40.0), (True, 40.0), (True, 40.0)])
    monkeypatch.setattr(link_watch, "answers", lambda info: next(silences))
    lost = asyncio.get_running_loop().create_future()
    watch = LinkWatch(asyncio.get_running_loop(), here, lambda: True, lost.set_result)
    watch.sent()
    assert isinstance(await asyncio.wait_for(lost, SECONDS), TimeoutError)
    # Once, and only what was silent at two looks in a row.
    assert list(silences) == []
    watch.close()


async def test_a_unix_socket_is_not_watched() -> None:
    here, there = socket.socketpair()
    with here, there:
        watch = LinkWatch(asyncio.get_running_loop(), here, lambda: True, lambda error: None)
        watch.sent()
        assert watch._timer is None
        watch.close()
