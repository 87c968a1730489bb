"""An embedding program with plain streams, on the real engine."""

from __future__ import annotations

import hashlib
import os
from collections.abc import AsyncIterator
from typing import Any

import pytest
from sshore import Backend, ConnectionHandler, RefusedError
from support.wires import Wires

pytestmark = pytest.mark.engine

ADDRESS = ("192.0.2.7", 50022)


@pytest.fixture
async def connection(backend: Backend, requests: Any, failures: Any) -> AsyncIterator[ConnectionHandler]:
    made = backend.connection(ADDRESS, "c0ffee", requests=requests, failures=failures)
    made.handshake_success("alice")
    yield made
    made.disconnect()
    await made.wait_ended()


async def test_a_command_runs_and_its_status_comes_behind_its_last_byte(connection: ConnectionHandler) -> None:
    channel, wires = connection.session_channel(1), Wires()
    wires.exec(channel, "echo out; echo err >&2; exit 7")
    assert await wires.exit() == 7
    assert (wires.stdout_at_exit, bytes(wires.stderr.data)) == (b"out\n", b"err\n")
    channel.close()


async def test_a_megabyte_goes_in_and_comes_out_again(connection: ConnectionHandler) -> None:
    data = os.urandom(1 << 20)
    channel, wires = connection.session_channel(1), Wires(data)
    wires.exec(channel, "cat")
    assert await wires.exit() == 0
    assert hashlib.sha256(wires.stdout_at_exit).digest() == hashlib.sha256(data).digest()
    channel.close()


async def test_the_end_of_the_input_leaves_the_output_open(connection: ConnectionHandler) -> None:
    channel, wires = connection.session_channel(1), Wires(b"one\ntwo\n")
    wires.exec(channel, "wc -l; echo and more; exit 3")
    assert await wires.exit() == 3
    assert wires.stdout_at_exit.split() == [b"2", b"and", b"more"]
    channel.close()


async def test_a_terminal_a_variable_a_window_and_a_signal(connection: ConnectionHandler) -> None:
    channel, wires = connection.session_channel(1), Wires(stdin=None)
    channel.env("GREETING", "hello there")
    channel.pty("xterm", 91, 32)
    await_size = 'until [ "$(stty size)" = "50 120" ]; do sleep 0.05; done'
    wires.exec(channel, f"stty size; echo $GREETING; {await_size}; trap 'exit 9' USR1; echo ready; sleep 60 & wait")
    await wires.stdout.until(b"32 91\r\nhello there\r\n")
    channel.window(120, 50)
    await wires.stdout.until(b"ready\r\n")
    channel.signal("USR1")
    assert await wires.exit() == 9
    channel.close()


async def test_the_embedding_programs_counters_count(
    connection: ConnectionHandler, requests: Any, failures: Any
) -> None:
    channel, wires = connection.session_channel(1), Wires()
    wires.exec(channel, "true")
    assert await wires.exit() == 0
    channel.close()
    assert requests.value >= 4
    assert failures.value == 0


async def test_a_failure_is_counted_and_told(backend: Backend, requests: Any, failures: Any) -> None:
    docker = backend.docker
    execution = type(docker.execution).model_validate(
        {
            "mode": str(docker.execution.mode),
            "container": {"Image": "sshore/does-not-exist"},
            "imagePullPolicy": "Never",
        }
    )
    own = docker.model_copy(update={"execution": execution})
    connection = backend.connection(ADDRESS, docker=own, requests=requests, failures=failures)
    connection.handshake_success("alice")
    channel, wires = connection.session_channel(1), Wires()
    wires.exec(channel, "true")
    assert await wires.exit() == 255
    assert bytes(wires.stderr.data).startswith(b"sshore: The image for this session does not exist.")
    assert failures.value == 1
    channel.close()
    connection.disconnect()
    await connection.wait_ended()


async def test_a_channel_that_closes_ends_its_program(connection: ConnectionHandler) -> None:
    channel, wires = connection.session_channel(1), Wires(stdin=None)
    wires.exec(channel, "echo up; cat")
    await wires.stdout.until(b"up\n")
    channel.close()
    with pytest.raises(RefusedError):
        wires.exec(channel, "true")
    other, more = connection.session_channel(2), Wires()
    # In connection mode they share a container: only what was started for this channel may run.
    more.exec(other, "sleep 1.5; for p in /proc/[0-9]*; do tr '\\0' ' ' <$p/cmdline 2>/dev/null; echo; done")
    assert await more.exit() == 0
    assert [line for line in more.stdout_at_exit.split(b"\n") if line.strip() == b"cat"] == []
    assert wires.statuses == []
    other.close()


async def test_a_disconnect_leaves_no_container(backend: Backend, docker_client: Any) -> None:
    connection = backend.connection(ADDRESS, "d15c0")
    connection.handshake_success("alice")
    channel, wires = connection.session_channel(1), Wires(stdin=None)
    wires.exec(channel, "echo up; sleep 1000")
    await wires.stdout.until(b"up\n")
    assert len(docker_client.containers.list(all=True, filters={"label": "sshore.connection=d15c0"})) == 1
    connection.disconnect()
    await connection.wait_ended()
    assert docker_client.containers.list(all=True, filters={"label": "sshore.connection=d15c0"}) == []
