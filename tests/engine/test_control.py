"""The held-open stdin of control shells, on the real engine."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from sshore.engine.control import SocketControl
from sshore.engine.control_shell import CONTROL_SHELL, GUARD_SHELL
from sshore.engine.docker_engine import DockerEngine
from sshore.engine.errors import NotFound, TimedOut, Unavailable
from sshore.engine.types import ContainerDied, ContainerGone, ContainerSpec, EngineEvent, ExecSpec

LABEL = "engine-test"


def idle(name: str, *argv: str, **more: Any) -> ContainerSpec:
    config = {
        "Image": "sshore/mini",
        "Entrypoint": [],
        "Cmd": list(argv or ("/bin/sh", "-c", CONTROL_SHELL)),
        "Labels": {LABEL: name},
        "OpenStdin": True,
        "StdinOnce": True,
        "AttachStdin": True,
        "HostConfig": {"NetworkMode": "none", "AutoRemove": True, "Init": True},
    }
    return ContainerSpec(name, config | more)


@pytest.fixture
def ends(engine: DockerEngine, name: str) -> Iterator[Iterator[tuple[str, EngineEvent]]]:
    """The ends of what the test's container runs."""
    events = engine.events({LABEL: name}, timeout=5)
    yield iter(events)
    events.close()


@pytest.mark.engine
def test_a_control_shell_obeys_and_its_container_goes_when_it_is_let_go(
    engine: DockerEngine, name: str, ends: Iterator[tuple[str, EngineEvent]]
) -> None:
    container = engine.create_container(idle(name), timeout=10)
    control = engine.attach_control(container, timeout=5)
    engine.start_container(container, timeout=20)
    waiting = engine.create_exec(
        container, ExecSpec(("sh", "-c", "until [ -e /tmp/go ]; do sleep 0.01; done; exit 5")), timeout=5
    )
    program = engine.start_control(waiting, timeout=5)
    control.send_line("touch /tmp/go", timeout=5)
    assert next(ends)[0] == waiting
    program.close()
    control.close()
    control.close()
    assert next(ends) == (container, ContainerDied(0, oom=False))
    assert next(ends) == (container, ContainerGone())


@pytest.mark.engine
def test_the_end_of_a_guards_stdin_ends_the_container(
    engine: DockerEngine, name: str, ends: Iterator[tuple[str, EngineEvent]]
) -> None:
    container = engine.create_container(idle(name, "sleep", "1000"), timeout=10)
    engine.start_container(container, timeout=20)
    guard = engine.create_exec(container, ExecSpec(("/bin/sh", "-c", GUARD_SHELL), user="0", tty=False), timeout=5)
    engine.start_control(guard, timeout=5).close()
    seen = [next(ends) for _ in range(3)]
    assert (container, ContainerDied(137, oom=False)) in seen
    assert (container, ContainerGone()) in seen


@pytest.mark.engine
def test_a_control_of_nothing_is_not_found(engine: DockerEngine) -> None:
    with pytest.raises(NotFound):
        engine.attach_control("no-such-container", timeout=5)
    with pytest.raises(NotFound):
        engine.start_control("no-such-exec", timeout=5)


def test_a_line_to_a_shell_that_is_gone_is_unavailable() -> None:
    ours, theirs = socket.socketpair()
    control = SocketControl(ours, "container_attach")
    theirs.close()
    with pytest.raises(Unavailable):
        control.send_line("true", timeout=5)
    control.close()
    with pytest.raises(Unavailable):
        control.send_line("true", timeout=5)


def test_a_shell_that_does_not_read_costs_its_owner_one_short_wait_and_gets_no_more() -> None:
    ours, theirs = socket.socketpair()
    control = SocketControl(ours, "container_attach")
    began = time.monotonic()
    with pytest.raises(TimedOut, match="does not read"):
        control.send_line("x" * 4_000_000, timeout=60)
    for _ in range(10_000):
        with pytest.raises(TimedOut, match="does not read"):
            control.send_line("kill -s HUP -- -1", timeout=60)
    assert time.monotonic() - began < 10
    # A torn line must not be obeyed: nothing comes behind it, a reader or not.
    assert set(_read_what_is_there(theirs)) == {ord("x")}
    control.close()
    theirs.close()


def test_whatever_answers_in_a_control_shells_place_is_not_heard_for_long() -> None:
    ours, theirs = socket.socketpair()
    control = SocketControl(ours, "exec_start")
    flood = threading.Thread(target=_flood, args=(theirs,))
    flood.start()
    with pytest.raises(TimedOut, match="something else answers"):
        control.await_ready(timeout=60)
    with pytest.raises(TimedOut, match="something else answers"):
        control.send_line("true", timeout=60)
    control.close()
    flood.join(5)
    assert not flood.is_alive()


def _read_what_is_there(sock: socket.socket) -> bytes:
    sock.setblocking(False)
    received = bytearray()
    with contextlib.suppress(BlockingIOError):
        while data := sock.recv(1 << 20):
            received += data
    return bytes(received)


def _flood(sock: socket.socket) -> None:
    with sock, contextlib.suppress(OSError):
        while True:
            sock.sendall(b"sshore obeyed " * 1000)
