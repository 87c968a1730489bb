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
from support.gateway import wait_until
from support.server import Server, Serving

pytestmark = pytest.mark.engine

SILENT = 1000
_SECONDS = 20.0


@contextmanager
def silent_sockets(server: Server, number: int) -> Iterator[None]:
    """So many clients that say nothing, and come back when they are closed."""
    with ExitStack() as stack:
        for _ in range(number):
            stack.enter_context(socket.create_connection(("127.0.0.1", server.port), _SECONDS))
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
    with serving(execution, sections={"limits": limits}) as server, silent_sockets(server, SILENT):
        # The last of them may still be in the kernel's queue.
        wait_until(lambda: server.log.count("event=connected") >= SILENT)
        mark, began = server.log_mark(), time.monotonic()
        done = server.ssh("echo in")
        assert done.stdout == b"in\n"
        assert time_of(server, "authenticated", mark) - time_of(server, "connected", mark) < 1.0
        assert time.monotonic() - began < _SECONDS


def time_of(server: Server, event: str, mark: int) -> float:
    """When a line was logged, in seconds of its minute and hour."""
    hours, minutes, seconds = server.wait_for_log(
        rf"T(\d+):(\d+):([\d.]+)Z level=info event={event}", since=mark
    ).groups()
    return int(hours) * 3600 + int(minutes) * 60 + float(seconds)


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
