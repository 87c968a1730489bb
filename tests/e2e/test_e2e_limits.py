"""The limits as OpenSSH's client and real containers see them."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
from support.server import Server, Serving

pytestmark = pytest.mark.engine

SILENT = 1000
FACTOR = 5
_SECONDS = 20.0


@contextmanager
def silent_sockets(server: Server, number: int) -> Iterator[None]:
    """So many clients that say nothing, and have been told the server's version."""
    with ExitStack() as stack:
        address = ("127.0.0.1", server.port)
        for sock in [stack.enter_context(socket.create_connection(address, _SECONDS)) for _ in range(number)]:
            assert sock.recv(4) == b"SSH-"
        yield


@pytest.fixture(scope="module")
def limited(serving: Serving, mini_image: str) -> Iterator[Server]:
    execution = {"container": {"Image": mini_image}}
    limits = {
        "idleTimeout": "2s",
        "timeoutWarning": "1s",
        "maxSessions": 2,
        "sessionWait": "1s",
        "clientAliveInterval": "1s",
        "clientAliveCountMax": 1,
    }
    with serving(execution, sections={"limits": limits}) as server:
        yield server


@pytest.mark.parametrize("startups", [100, 0], ids=["closed by newer ones", "all kept"])
def test_a_thousand_silent_sockets_lock_nobody_out(serving: Serving, mini_image: str, startups: int) -> None:
    execution = {"container": {"Image": mini_image}}
    limits = {"maxStartups": startups, "maxConnections": 0}
    with serving(execution, sections={"limits": limits}) as server:
        undisturbed = seconds_in(server)
        with silent_sockets(server, SILENT):
            assert seconds_in(server) < FACTOR * undisturbed


def seconds_in(server: Server) -> float:
    began = time.monotonic()
    assert server.ssh("echo in").stdout == b"in\n"
    return time.monotonic() - began


def test_a_terminal_that_nobody_uses_is_warned_and_ended(limited: Server) -> None:
    done = limited.ssh("cat", options=["-tt"])
    assert done.returncode == 255
    assert b"sshore: This session ends in 1 s, unless something is typed or printed.\r\n" in done.stderr
    assert b"sshore: Nothing was typed or printed for too long. (SESSION_IDLE)\r\n" in done.stderr


def test_openssh_says_that_there_are_too_many_sessions(limited: Server) -> None:
    with limited.master() as options, ExitStack() as stack:
        for _ in range(2):
            held = limited.ssh_argv("echo on; cat", options=options)
            program = stack.enter_context(subprocess.Popen(held, stdin=subprocess.PIPE, stdout=subprocess.PIPE))
            assert program.stdout is not None
            assert program.stdout.readline() == b"on\n"
        # Without a connection of its own to fall back to.
        refused = limited.ssh("echo on", options=[*options, "-o", "ProxyCommand=false"])
        assert refused.returncode == 255
        limited.wait_for_log(r"event=session_refused.*code=TOO_MANY_CHANNELS")


def test_a_command_too_many_over_a_master_waits_and_runs_in_its_container(limited: Server) -> None:
    """Refused, OpenSSH's client would run it on a connection of its own: in an empty container, with status 0."""
    with limited.master() as options, ExitStack() as stack:
        assert limited.ssh("touch here", options=options).returncode == 0
        for seconds in ("0.3", "0.6"):
            held = limited.ssh_argv(f"echo on; sleep {seconds}", options=options)
            program = stack.enter_context(subprocess.Popen(held, stdout=subprocess.PIPE))
            assert program.stdout is not None
            assert program.stdout.readline() == b"on\n"
        assert limited.ssh("ls here", options=options).stdout == b"here\n"


def test_a_client_that_is_stopped_is_gone_after_the_count_and_so_is_its_container(limited: Server) -> None:
    mark = limited.log_mark()
    argv = limited.ssh_argv("echo on; yes > /dev/null & while :; do echo on; sleep 0.2; done")
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as client:
        assert client.stdout is not None
        assert client.stdout.readline() == b"on\n"
        os.kill(client.pid, signal.SIGSTOP)
        try:
            limited.wait_for_log(r"event=connection_refused.*code=CLIENT_GONE", since=mark)
            limited.wait_for_log(r"event=disconnected.*keepalive", since=mark)
        finally:
            client.kill()
