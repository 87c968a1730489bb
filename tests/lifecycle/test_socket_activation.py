"""A listening socket that the service manager keeps: nobody is refused while the server is restarted."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import IO

import pytest
from docker import DockerClient
from support.gateway import Gateway, StartGateway, wait_until
from support.own_engine import OwnEngine
from support.server import READY_SECONDS
from support.service_manager import activating, listening

CLIENTS = 50
RESTARTS = 2
HANGUPS = 3
BETWEEN_HANGUPS = 15
"""So many connections have come and gone between two reloads."""
PATIENCE = 90.0


def port_of(sock: socket.socket) -> int:
    return int(sock.getsockname()[1])


@pytest.mark.engine
def test_an_inherited_socket_is_served_in_place_of_the_configured_address(start_gateway: StartGateway) -> None:
    with listening() as sock, listening() as other:
        address = f"127.0.0.1:{port_of(other)}"
        other.close()
        gateway = start_gateway("connection", sections={"ssh": {"listen": address}}, **activating([sock]))
        assert gateway.port == port_of(sock)
        assert gateway.ssh("echo served").stdout == b"served\n"
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", int(address.rpartition(":")[2])))


@pytest.mark.engine
def test_two_sockets_are_served(start_gateway: StartGateway) -> None:
    with listening() as sock, listening(socket.AF_INET6) as other:
        gateway = start_gateway("connection", **activating([sock, other]))
        for options in ((), ("-o", "HostName=::1", "-p", str(port_of(other)))):
            assert gateway.ssh("echo served", options=options).stdout == b"served\n"


@pytest.mark.engine
def test_children_learn_nothing_of_the_manager(start_gateway: StartGateway) -> None:
    told = {"NOTIFY_SOCKET": "@sshore-nobody", "WATCHDOG_USEC": "60000000"}
    with listening() as sock:
        gateway = start_gateway("connection", environment=told, **activating([sock]))
        janitor = gateway.janitor
        inherited = {name for name in janitor.environ() if name.startswith(("LISTEN_", "NOTIFY_", "WATCHDOG_"))}
        assert inherited == set()
        assert port_of(sock) not in {connection.laddr.port for connection in janitor.net_connections()}


@pytest.mark.engine
def test_variables_that_are_meant_for_another_process_mean_nothing(start_gateway: StartGateway) -> None:
    told = {"LISTEN_FDS": "1", "LISTEN_PID": str(os.getpid())}
    gateway = start_gateway("connection", environment=told)
    assert gateway.ssh("echo served").stdout == b"served\n"


def udp() -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 0))
    return sock


def unix() -> socket.socket:
    sock = socket.socket(socket.AF_UNIX)
    sock.bind("")
    sock.listen()
    return sock


def idle() -> socket.socket:
    return socket.socket()


def plain() -> IO[bytes]:
    return tempfile.TemporaryFile()


@pytest.mark.parametrize(
    ("opened", "fault"),
    [
        (udp, "descriptor 3 is a socket of kind AF_INET, SOCK_DGRAM, not one for TCP: use ListenStream=PORT"),
        (unix, "descriptor 3 is a socket of kind AF_UNIX, SOCK_STREAM, not one for TCP: use ListenStream=PORT"),
        (idle, "descriptor 3 does not listen: use Accept=no"),
        (plain, "descriptor 3 is no socket"),
    ],
    ids=["udp", "unix", "not listening", "no socket"],
)
def test_a_socket_of_the_wrong_kind_is_refused_with_what_is_wrong(
    tmp_path: Path, opened: Callable[[], socket.socket | IO[bytes]], fault: str
) -> None:
    (tmp_path / "sshore.yaml").write_text(f"auth: {{authorizedKeys: {tmp_path}/%u}}")
    serve = [sys.executable, "-m", "sshore", "serve", "--config", "sshore.yaml", "--state", "state"]
    with opened() as sock:
        given = activating([sock])
        ended = subprocess.run(
            [*given["wrapper"], *serve],
            cwd=tmp_path,
            pass_fds=given["pass_fds"],
            capture_output=True,
            text=True,
            timeout=READY_SECONDS,
        )
    assert (ended.returncode, ended.stderr) == (1, f"sshore cannot start: LISTEN_FDS: {fault}\n")


class Loop:
    """A client that connects again and again, each time for one command, until it is told to stop."""

    def __init__(self, gateway: Gateway, number: int, stop: threading.Event) -> None:
        self.done = 0
        self.failures: list[str] = []
        self._gateway = gateway
        self._number = number
        self._stop = stop
        self.thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        while not self._stop.is_set():
            word = f"{self._number}-{self.done}"
            try:
                ended = self._gateway.ssh(f"echo {word}", timeout=PATIENCE)
            except AssertionError as error:
                self.failures.append(f"{error}")
                return
            if (ended.returncode, ended.stdout) != (0, f"{word}\n".encode()):
                self.failures.append(f"{ended.returncode} {ended.stdout!r} {ended.stderr!r}")
            self.done += 1


@pytest.mark.engine
@pytest.mark.timeout(500)
def test_reloads_and_restarts_refuse_none_of_fifty_clients_that_connect_in_a_loop(
    start_gateway: StartGateway, own_engine: OwnEngine
) -> None:
    # An engine of its own: no sweep of another test's servers takes a container that is long in the making.
    with listening() as sock, closing(DockerClient(base_url=own_engine.host)) as client:
        sections = {"ssh": {"drainTime": "80s"}, "limits": {"handshakeTime": 0}}
        engine = {"client": client, "host": own_engine.host}
        gateway = start_gateway("connection", sections=sections, **engine, **activating([sock]))
        stop = threading.Event()
        loops = [Loop(gateway, number, stop) for number in range(CLIENTS)]
        for loop in loops:
            loop.thread.start()
        try:
            for _ in range(RESTARTS):
                _reload_often(gateway, loops)
                _restart(gateway)
            _reload_often(gateway, loops)
        finally:
            stop.set()
            for loop in loops:
                loop.thread.join()
        assert [failure for loop in loops for failure in loop.failures] == []
        assert min(loop.done for loop in loops) >= RESTARTS
        print(f"{_done(loops)} connections")
        assert gateway.log.count("event=reloaded") == (RESTARTS + 1) * HANGUPS
        gateway.stop()


def _done(loops: list[Loop]) -> int:
    return sum(loop.done for loop in loops)


def _restart(gateway: Gateway) -> None:
    """As systemd does it: the next begins when this one has ended."""
    gateway.signal(signal.SIGTERM)
    assert gateway.wait(PATIENCE) == 0
    gateway.await_no_container(PATIENCE)
    gateway.start()


def _reload_often(gateway: Gateway, loops: list[Loop]) -> None:
    for _ in range(HANGUPS):
        before = _done(loops)
        wait_until(lambda before=before: _done(loops) >= before + BETWEEN_HANGUPS, PATIENCE)
        mark = gateway.log_mark()
        gateway.signal(signal.SIGHUP)
        gateway.wait_for_log("event=reloaded", READY_SECONDS, mark)
