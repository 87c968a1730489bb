"""Text that is no UTF-8, wherever a client or a file may have it: as under OpenSSH's sshd, which runs beside."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import bcrypt
import paramiko
import pytest
from asyncssh.packet import Boolean, String, UInt32
from support.own_sshd import OwnSshd, own_sshd
from support.server import USER, Server, Serving

pytestmark = pytest.mark.engine

LATIN = "caf\xe9".encode("latin-1")
EVERY = bytes(byte for byte in range(1, 256) if byte not in b"'\n")
Ask = Callable[..., "subprocess.CompletedProcess[bytes]"]


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnSshd]:
    with own_sshd(tmp_path_factory.mktemp("sshd")) as server:
        yield server


@pytest.fixture(params=["sshore", "sshd"])
def ask(request: pytest.FixtureRequest, server: Server, sshd: OwnSshd) -> Ask:
    """Runs a command at one of the two, with OpenSSH's client, whose arguments and variables may be any bytes."""

    def run(
        command: bytes | str, *options: bytes | str, env: Mapping[str, bytes | None] | None = None
    ) -> subprocess.CompletedProcess[bytes]:
        variables = {**os.environb, **{name.encode(): value for name, value in (env or {}).items()}}
        own: list[bytes | str] = ["ssh", *server.ssh_options]
        if request.param == "sshd":
            variables[b"PATH"] = sshd.path.encode()
            own = [str(Path(sshd.path.partition(":")[0]) / "ssh"), "-p", str(sshd.port), "-o", "BatchMode=yes"]
        where = "sshore" if request.param == "sshore" else "127.0.0.1"
        given = {name: value for name, value in variables.items() if value is not None}
        return subprocess.run(
            [*own, *options, where, command],
            env=given,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=30,
            check=False,
        )

    return run


def octets(raw: bytes) -> list[int]:
    return list(raw)


def shown(said: bytes) -> list[int]:
    return [int(word, 16) for word in said.split()]


def test_a_command_arrives_byte_by_byte(ask: Ask) -> None:
    done = ask(b"printf %s '" + EVERY + b"' | od -An -v -tx1")
    assert shown(done.stdout) == octets(EVERY), done.stderr


def test_a_variable_arrives_byte_by_byte(ask: Ask) -> None:
    value = LATIN + b"\x80\x81\xfe\xff \\ '"
    done = ask('printf %s "$LC_RAW" | od -An -v -tx1', "-o", "SendEnv=LC_RAW", env={"LC_RAW": value})
    assert shown(done.stdout) == octets(value), done.stderr


def test_a_terminal_may_be_of_any_type(ask: Ask) -> None:
    done = ask('printf %s "$TERM" | od -An -v -tx1', "-tt", env={"TERM": LATIN})
    assert shown(done.stdout) == octets(LATIN), done.stderr


@pytest.mark.parametrize("term", [None, b""])
def test_a_terminal_of_no_type_sets_no_variable(ask: Ask, term: bytes | None) -> None:
    done = ask("env | grep -c ^TERM=", "-tt", env={"TERM": term})
    assert done.stdout.split() == [b"0"], done.stderr


@pytest.mark.parametrize("name", [LATIN, "al\ue000ice".encode(), b"\xff" * 60], ids=["latin-1", "private", "long"])
def test_a_user_of_no_name_is_refused_as_any_other(ask: Ask, name: bytes) -> None:
    refused, unknown = ask("true", b"-l", name), ask("true", "-l", "nobody-like-this")
    assert refused.returncode == unknown.returncode == 255
    assert b"Permission denied" in refused.stderr
    assert b"Permission denied" in unknown.stderr


def test_a_subsystem_of_no_name_is_refused(ask: Ask) -> None:
    done = ask(LATIN, "-s")
    assert done.returncode != 0
    assert b"subsystem request failed" in done.stderr


def test_a_line_of_authorized_keys_may_have_any_comment(server: Server) -> None:
    key = (server.folder / "keys" / USER).read_bytes().strip()
    kept = key.split(b" ")[:2]
    command = b'command="printf %s ' + LATIN + b' | od -An -v -tx1" '
    for name, line in {"comment": b" ".join((*kept, LATIN)), "command": command + b" ".join(kept)}.items():
        file = server.folder / "keys" / name
        file.write_bytes(b"# " + LATIN + b"\n" + line + b"\n")
        file.chmod(0o644)
    assert server.ssh("echo in", options=["-l", "comment"]).stdout == b"in\n"
    forced = server.ssh("echo in", options=["-l", "command"])
    assert shown(forced.stdout) == octets(LATIN), forced.stderr


@pytest.fixture(params=["sshore", "sshd"])
def port(request: pytest.FixtureRequest, server: Server, sshd: OwnSshd) -> int:
    return server.port if request.param == "sshore" else sshd.port


def test_a_clients_version_may_have_any_bytes(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=20) as client, client.makefile("rb") as answers:
        client.sendall(b"SSH-2.0-" + LATIN + b"\r\n")
        assert answers.readline().startswith(b"SSH-2.0-")
        header = answers.read(6)
    # The packet after the version is KEXINIT: nobody hung up.
    assert header[5] == 20


BAD = String(LATIN)
OPENS = {
    "no type": (LATIN, b""),
    "direct-tcpip": (b"direct-tcpip", BAD + UInt32(1) + BAD + UInt32(1)),
    "direct-streamlocal": (b"direct-streamlocal@openssh.com", BAD + String(b"") + UInt32(0)),
}


class Unopened:
    """The client's end of a channel that it asked for behind asyncssh's back."""

    def __init__(self) -> None:
        self.refused: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def process_open_failure(self, code: int, reason: str, lang: str) -> None:
        self.refused.set_result(code)


@pytest.mark.parametrize("name", OPENS)
async def test_no_text_in_an_open_ends_the_connection(server: Server, name: str) -> None:
    kind, rest = OPENS[name]
    async with server.connect() as connection:
        connection._channels[90] = unopened = Unopened()
        connection.send_packet(90, String(kind), UInt32(90), UInt32(1), UInt32(32768), rest)
        assert await asyncio.wait_for(unopened.refused, 20)
        del connection._channels[90]
        assert (await connection.run("echo alive")).stdout == "alive\n"


async def test_no_text_in_a_request_ends_the_connection(server: Server) -> None:
    async with server.connect() as connection:
        connection.send_packet(80, BAD, Boolean(False))
        connection.send_packet(80, String(b"tcpip-forward"), Boolean(False), BAD, UInt32(0))
        connection.send_packet(4, Boolean(True), BAD, BAD)
        process = await connection.create_process("cat")
        process.channel.send_packet(98, BAD, Boolean(False))
        process.channel.send_packet(98, String(b"signal"), Boolean(False), BAD)
        process.stdin.write("still there\n")
        process.stdin.write_eof()
        assert (await asyncio.wait_for(process.wait(), 20)).stdout == "still there\n"


def test_a_client_that_leaves_with_no_text_is_no_fault(server: Server) -> None:
    mark = server.log_mark()

    async def leave() -> None:
        async with server.connect() as connection:
            connection.send_packet(1, UInt32(11), String(LATIN), String(LATIN))
            await connection.wait_closed()

    asyncio.run(leave())
    line = server.wait_for_log(r"event=disconnected .*", since=mark)[0]
    assert "Invalid" not in line
    assert "Traceback" not in server.log[mark:]


def test_passwords_are_compared_as_they_were_sent(serving: Serving, tmp_path: Path) -> None:
    raw = {"latin": LATIN, "squared": "x\xb2".encode(), "controls": b"a\tb\x07", "plain": b"plain"}
    file = tmp_path / "htpasswd"
    hashes = {name: bcrypt.hashpw(value, bcrypt.gensalt(4)).decode() for name, value in raw.items()}
    file.write_bytes(b"# " + LATIN + b"\n" + "".join(f"{n}:{h}\n" for n, h in hashes.items()).encode())
    file.chmod(0o600)
    auth = {"auth": {"passwords": str(file)}, "limits": {"maxAuthTries": 20}}
    with serving({}, sections=auth) as server:
        for name, value in raw.items():
            for method in ("password", "interactive"):
                assert logs_in(server.port, name, value, method), (name, method)
                assert not logs_in(server.port, name, value + b"\xe9", method), (name, method)
        assert not logs_in(server.port, "squared", b"x2", "password")


def logs_in(port: int, name: str, password: bytes, method: str) -> bool:
    # Bytes go as they are, whatever its types say.
    transport: Any = paramiko.Transport(("127.0.0.1", port))
    try:
        transport.start_client(timeout=20)
        if method == "password":
            transport.auth_password(name, password, fallback=False)
        else:
            transport.auth_interactive(name, lambda *_: [password])
        return bool(transport.is_authenticated())
    except paramiko.AuthenticationException:
        return False
    finally:
        transport.close()
