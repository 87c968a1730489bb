"""Every kind of forwarding is refused as the protocol says, with a line in the log, and sessions go on."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import asyncssh
import pytest
from support.server import EVENT_SECONDS, Server
from support.tcp import Doorbell

# One mode will do: forwarding is refused before a container could have a part in it.
pytestmark = [pytest.mark.engine, pytest.mark.parametrize("mode", ["connection"], indirect=True, scope="session")]


def refusal(server: Server, since: int, kind: str) -> str:
    """Wait for the log line about it; return its target."""
    line = server.wait_for_log(rf".*=forwarding_refused.* kind={kind} target=(.*) code=FORWARDING_REFUSED", since=since)
    assert "connection=" in line[0]
    assert "user=demo" in line[0]
    return line[1].strip('"')


@contextmanager
def open_session(server: Server, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """A client with a session that has begun."""
    argv = server.ssh_argv("echo begun; cat", options=options)
    pipe = subprocess.PIPE
    with subprocess.Popen(argv, stdin=pipe, stdout=pipe, stderr=pipe) as client:
        assert client.stdout is not None
        assert client.stdout.readline() == b"begun\n"
        yield client
        assert client.communicate(b"still here", timeout=20)[0] == b"still here"
        assert client.returncode == 0


def connect_when_open(address: int | str) -> bytes:
    """Connect to what the client listens on; return all that comes."""
    deadline = time.monotonic() + EVENT_SECONDS
    while True:
        family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
        with socket.socket(family) as caller:
            caller.settimeout(EVENT_SECONDS)
            try:
                caller.connect(address if isinstance(address, str) else ("127.0.0.1", address))
            except OSError:
                assert time.monotonic() < deadline
                time.sleep(0.02)
                continue
            try:
                return caller.recv(100)
            except ConnectionResetError:
                return b""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


def test_a_local_port_leads_nowhere(server: Server) -> None:
    mark, port = server.log_mark(), free_port()
    with Doorbell() as inside, open_session(server, "-L", f"{port}:127.0.0.1:{inside.port}"):
        assert connect_when_open(port) == b""
        assert refusal(server, mark, "direct-tcpip") == f"127.0.0.1:{inside.port}"
        assert inside.rings == 0


def test_a_dynamic_port_leads_nowhere(server: Server) -> None:
    mark, port = server.log_mark(), free_port()
    with Doorbell() as inside, open_session(server, "-D", str(port)):
        with pytest.raises(AssertionError):
            socks_connect(port, inside.port)
        assert refusal(server, mark, "direct-tcpip") == f"127.0.0.1:{inside.port}"
        assert inside.rings == 0


def socks_connect(port: int, target: int) -> None:
    """Ask for a SOCKS 4 connection to loopback."""
    deadline = time.monotonic() + EVENT_SECONDS
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), EVENT_SECONDS) as caller:
                caller.sendall(b"\x04\x01" + target.to_bytes(2, "big") + bytes([127, 0, 0, 1]) + b"\0")
                answer = caller.recv(8)
                assert answer[1:2] == b"\x5a"
                assert caller.recv(1)
                return
        except ConnectionRefusedError:
            assert time.monotonic() < deadline, "the client does not listen"
            time.sleep(0.02)


def test_a_client_that_wants_only_a_forwarded_stream_is_told_that_it_is_prohibited(server: Server) -> None:
    mark = server.log_mark()
    with Doorbell() as inside:
        done = server.ssh(options=["-W", f"127.0.0.1:{inside.port}"])
        assert inside.rings == 0

    assert done.returncode == 255
    assert b"administratively prohibited" in done.stderr
    assert refusal(server, mark, "direct-tcpip") == f"127.0.0.1:{inside.port}"


def test_a_remote_port_is_not_opened(server: Server) -> None:
    mark, port = server.log_mark(), free_port()
    with open_session(server, "-R", f"{port}:127.0.0.1:1"):
        assert refusal(server, mark, "tcpip-forward") == f"localhost:{port}"
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port))


def test_a_client_that_insists_on_a_remote_port_ends(server: Server) -> None:
    done = server.ssh("true", options=["-o", "ExitOnForwardFailure=yes", "-R", "0:127.0.0.1:1"])

    assert done.returncode == 255
    assert b"remote port forwarding failed" in done.stderr


def test_a_local_unix_socket_leads_nowhere(server: Server, tmp_path: Path) -> None:
    mark, inside = server.log_mark(), tmp_path / "inside"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(inside))
        listener.listen()
        listener.setblocking(False)
        with open_session(server, "-L", f"{tmp_path}/outside:{inside}"):
            assert connect_when_open(str(tmp_path / "outside")) == b""
            assert refusal(server, mark, "direct-streamlocal") == str(inside)
            with pytest.raises(BlockingIOError):
                listener.accept()


def test_a_remote_unix_socket_is_not_made(server: Server, tmp_path: Path) -> None:
    mark, inside = server.log_mark(), tmp_path / "inside"
    with open_session(server, "-R", f"{inside}:{tmp_path}/outside"):
        assert refusal(server, mark, "streamlocal-forward") == str(inside)
        assert not inside.exists()


def test_the_clients_agent_stays_with_him(server: Server, tmp_path: Path) -> None:
    mark, agent_socket = server.log_mark(), tmp_path / "agent"
    with subprocess.Popen(["ssh-agent", "-D", "-a", agent_socket], stdout=subprocess.DEVNULL) as agent:
        try:
            wait_for_file(agent_socket)
            argv = server.ssh_argv('echo "[$SSH_AUTH_SOCK]"', options=["-A", "-o", f"IdentityAgent={agent_socket}"])
            done = server.run(argv)
        finally:
            agent.terminate()

    assert (done.returncode, done.stdout) == (0, b"[]\n")
    refusal(server, mark, "auth-agent")


async def test_a_client_that_asks_for_his_agent_hears_no(server: Server) -> None:
    async with server.connect() as connection, connection.create_process("cat") as process:
        # OpenSSH's client does not wait for the answer.
        assert await process.channel._make_request(b"auth-agent-req@openssh.com") is False
        process.stdin.write_eof()
        assert (await process.wait()).exit_status == 0


@pytest.mark.parametrize("option", ["-X", "-Y"])
def test_the_clients_display_stays_with_him(server: Server, tmp_path: Path, option: str) -> None:
    mark = server.log_mark()
    argv = server.ssh_argv('echo "[$DISPLAY]"', options=[option, "-o", f"XAuthLocation={fake_xauth(tmp_path)}"])
    done = server.run(argv, env={**os.environ, "DISPLAY": ":77"})

    assert (done.returncode, done.stdout) == (0, b"[]\n")
    assert b"X11 forwarding request failed" in done.stderr
    assert refusal(server, mark, "x11") == "screen 0"


def fake_xauth(folder: Path) -> Path:
    """What ssh asks for the display's cookie."""
    program = folder / "xauth"
    program.write_text(f'#!/bin/sh\ncase "$*" in *list*) echo ":77 MIT-MAGIC-COOKIE-1 {"0f" * 16}";; esac\n')
    program.chmod(0o755)
    return program


async def test_tunnels_are_prohibited(server: Server) -> None:
    mark = server.log_mark()
    async with server.connect() as connection:
        with pytest.raises(asyncssh.ChannelOpenError) as tun:
            await connection.open_tun()
        with pytest.raises(asyncssh.ChannelOpenError) as tap:
            await connection.open_tap(3)
        assert (await connection.run("echo still here")).stdout == "still here\n"

    codes: Sequence[int] = [tun.value.code, tap.value.code]
    assert codes == [asyncssh.OPEN_ADMINISTRATIVELY_PROHIBITED] * 2
    assert refusal(server, mark, "tun") == "any unit"
    assert refusal(server, mark, "tap") == "unit 3"


async def test_channels_and_requests_that_nobody_knows_are_refused(server: Server) -> None:
    async with server.connect() as connection:
        with pytest.raises(asyncssh.ChannelOpenError) as refused:
            # The wire's own words: OpenSSH's client cannot be made to say them.
            await connection.create_tcp_channel()._open(b"no-such-type@example.org")
        assert (await connection.run("echo still here")).stdout == "still here\n"

    assert refused.value.code == asyncssh.OPEN_UNKNOWN_CHANNEL_TYPE


def test_no_socket_of_an_agent_was_ever_made_on_the_gateway(server: Server) -> None:
    listening = Path(f"/proc/{server.pid}/net/unix").read_text()
    assert not re.findall(r"/asyncssh-\S+/agent", listening)


def wait_for_file(path: Path) -> None:
    deadline = time.monotonic() + EVENT_SECONDS
    while not path.exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
