"""A connection through ssh's stdin and stdout, with a shell in ssh's place."""

from __future__ import annotations

import http.client
import socket
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import psutil
import pytest
from sshore.engine.address import EngineAddress, unreachable
from sshore.engine.docker_engine import DockerEngine
from sshore.engine.errors import AccessDenied, Unavailable
from sshore.engine.ssh_socket import SshSocket, ssh_command

SECONDS = 10.0


def connection(script: str) -> SshSocket:
    sock = SshSocket(["sh", "-c", script])
    sock.settimeout(SECONDS)
    return sock


@pytest.fixture
def own_children() -> Iterator[psutil.Process]:
    """This process, which must have no more children afterwards."""
    me = psutil.Process()
    before = set(me.children())
    yield me
    deadline = time.monotonic() + SECONDS
    while left := set(me.children()) - before:
        assert time.monotonic() < deadline, left
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("url", "behind"),
    [
        ("ssh://engine", ["--", "engine", "docker", "system", "dial-stdio"]),
        ("ssh://ops@engine:2222", ["-l", "ops", "-p", "2222", "--", "engine", "docker", "system", "dial-stdio"]),
        ("ssh://engine/run/x.sock", ["--", "engine", "docker", "--host=unix:///run/x.sock", "system", "dial-stdio"]),
    ],
)
def test_the_command_is_the_one_of_dockers_client(url: str, behind: list[str]) -> None:
    command = list(ssh_command(urlsplit(url)))
    assert command[0] == "ssh"
    assert command[-len(behind) :] == behind


@pytest.mark.usefixtures("own_children")
def test_it_half_closes_and_reads_on() -> None:
    with connection("cat; echo the end") as sock:
        sock.sendall(b"hello ")
        sock.shutdown(socket.SHUT_WR)
        with sock.makefile("rb") as said:
            assert said.read() == b"hello the end\n"


@pytest.mark.usefixtures("own_children")
def test_what_ssh_complains_of_last_is_the_cause() -> None:
    with connection("echo Warning >&2; echo 'ssh: connect to host x port 22: refused' >&2; exit 255") as sock:
        with pytest.raises(ConnectionAbortedError) as caught:
            sock.recv(10)
        assert unreachable("ping", caught.value).detail == "ssh: connect to host x port 22: refused"


@pytest.mark.usefixtures("own_children")
def test_who_may_not_log_in_is_denied() -> None:
    with connection("echo 'ops@x: Permission denied (publickey).' >&2; exit 255") as sock:
        with pytest.raises(PermissionError) as caught:
            sock.recv_into(bytearray(10))
        assert isinstance(unreachable("ping", caught.value), AccessDenied)


@pytest.mark.usefixtures("own_children")
def test_a_connection_that_breaks_is_no_end() -> None:
    with connection("echo output; exit 255") as sock:
        assert sock.recv(100) == b"output\n"
        with pytest.raises(ConnectionAbortedError, match="status 255"):
            sock.recv(100)


@pytest.mark.usefixtures("own_children")
def test_what_does_not_end_with_its_connection_is_killed() -> None:
    sock = connection("trap '' TERM HUP; exec sleep 1000")
    sock.close()
    sock.close()
    assert sock.fileno() == -1


@pytest.mark.usefixtures("own_children")
def test_it_stays_while_a_file_of_it_is_open() -> None:
    sock = connection("sleep 0.1; printf 'HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nok'; read line")
    answer = http.client.HTTPResponse(sock)
    sock.close()
    answer.begin()
    assert answer.read() == b"ok"
    answer.close()


def test_a_machine_without_ssh_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(Unavailable, match="ssh is not installed"):
        DockerEngine(EngineAddress.parse("ssh://engine")).ping(timeout=SECONDS)
