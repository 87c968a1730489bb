"""Any bytes and any packets from a client, before and after its login: the server lives, and nobody else notices."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import socket
import struct
import threading
from collections.abc import AsyncIterator, Coroutine, Iterator
from pathlib import Path
from typing import Any

import asyncssh
import paramiko
import psutil
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sshore.ssh.key_options import UNRESTRICTED
from sshore.ssh.server import ContainerServer, server_options
from support.client import eventually
from support.corpus import files_of, payloads_of
from support.effort import EFFORT, in_time, tries
from support.gatehouse import Gatehouse

pytestmark = in_time

SECONDS = 20
MOST_GROWTH = 48 * 2**20 * EFFORT
PATIENCE = 0.25

kinds = st.integers(0, 255) | st.sampled_from([1, 2, 4, 5, 20, 21, 30, 50, 80, 90, 93, 94, 95, 96, 97, 98, 99, 100])
numbers = st.integers(0, 2**32 - 1) | st.integers(0, 3)
words = (
    *(b"session", b"exec", b"shell", b"pty-req", b"env", b"window-change", b"signal", b"subsystem", b"sftp", b"cat"),
    *(b"ssh-connection", b"ssh-userauth", b"none", b"password", b"publickey", b"keyboard-interactive"),
    *(b"tcpip-forward", b"direct-tcpip", b"auth-agent-req@openssh.com", b"keepalive@openssh.com", b"\xff"),
)
texts = st.binary(max_size=20) | st.sampled_from(words)
fields = (
    numbers.map(lambda number: struct.pack(">I", number))
    | texts.map(lambda text: struct.pack(">I", len(text)) + text)
    | st.booleans().map(lambda flag: bytes([flag]))
    | st.binary(max_size=12)
)
payloads = st.builds(lambda kind, parts: bytes([kind]) + b"".join(parts), kinds, st.lists(fields, max_size=6))
packets = st.lists(payloads, min_size=1, max_size=8)


def text(word: bytes) -> bytes:
    return struct.pack(">I", len(word)) + word


OPEN = b"\x5a" + text(b"session") + struct.pack(">III", 0, 2**21, 2**15)


def request(name: bytes, *more: bytes) -> bytes:
    """A request of channel 0 that wants an answer (RFC 4254 §5.4)."""
    return b"\x62" + struct.pack(">I", 0) + text(name) + b"\x01" + b"".join(more)


def framed(payload: bytes) -> bytes:
    """A packet before encryption (RFC 4253 §6)."""
    padding = 8 - (len(payload) + 5) % 8 + 8
    return struct.pack(">IB", len(payload) + padding + 1, padding) + payload + bytes(padding)


class Door:
    """A server in a thread of its own, whose clients are let in by the name `alice` alone."""

    def __init__(self, state: Path) -> None:
        self._state = state
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="asyncio_door")
        self.complaints: list[dict[str, Any]] = []
        """What nobody caught."""
        self.losses: list[BaseException] = []
        self.open = 0

    def start(self) -> None:
        self._loop.set_exception_handler(lambda loop, context: self.complaints.append(context))
        self._thread.start()
        self.do(self._start())

    def stop(self) -> None:
        self.do(self._stack.aclose())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(SECONDS)
        self._loop.close()

    def do(self, step: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(step, self._loop).result(SECONDS)

    async def echo(self) -> None:
        """The witness, who is connected all the time, says something and hears it."""
        self._witness.stdin.write("still here\n")
        assert await asyncio.wait_for(self._witness.stdout.readline(), SECONDS) == "still here\n"

    async def all_but_the_witness_are_gone(self) -> None:
        await eventually(lambda: self.open == 1, "the end of the connection")

    async def _start(self) -> None:
        self._stack = contextlib.AsyncExitStack()
        self.house = await self._stack.enter_async_context(_house(self._state))
        door = self

        class Server(ContainerServer):
            permissions = UNRESTRICTED

            def begin_auth(self, username: str) -> bool:
                return username != "alice"

            def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
                door.open += 1
                super().connection_made(conn)

            def connection_lost(self, exc: Exception | None) -> None:
                door.open -= 1
                door.losses += [exc] if exc else []
                super().connection_lost(exc)

        key = asyncssh.generate_private_key("ssh-ed25519")
        acceptor = await asyncssh.create_server(
            lambda: Server(self.house.backend), "127.0.0.1", 0, server_host_keys=[key], **server_options()
        )
        self.port = acceptor.get_port()
        await self._stack.enter_async_context(acceptor)
        options: dict[str, Any] = {"username": "alice", "known_hosts": None, "client_keys": None, "config": None}
        client = await asyncssh.connect("127.0.0.1", self.port, agent_path=None, **options)
        await self._stack.enter_async_context(client)
        self._witness = await client.create_process("cat")


@contextlib.asynccontextmanager
async def _house(state: Path) -> AsyncIterator[Gatehouse]:
    house = Gatehouse(state)
    await house.backend.start()
    yield house
    await house.close()


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    made = Door(tmp_path_factory.mktemp("state"))
    made.start()
    yield made
    made.stop()


@pytest.fixture(autouse=True)
def memory_is_bounded(door: Door) -> Iterator[None]:
    before = psutil.Process().memory_info().rss
    yield
    gc.collect()
    assert psutil.Process().memory_info().rss - before < MOST_GROWTH


def assert_nobody_noticed(door: Door) -> None:
    door.do(door.all_but_the_witness_are_gone())
    door.do(door.echo())
    assert door.complaints == []
    assert [one for one in door.house.book.lines if one["level"] in ("error", "critical") and "exc_info" in one] == []
    assert [error for error in door.losses if _is_ours(error)] == []


def _is_ours(error: BaseException) -> bool:
    """Whether it was raised by the product itself: a closed connection is an answer, a bug of ours is not."""
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    return bool(trace) and ContainerServer.__module__.partition(".")[0] in str(trace.tb_frame.f_globals.get("__name__"))


def send_raw(door: Door, *pieces: bytes) -> None:
    """Send bytes, read what is answered for a moment, go away."""
    with socket.create_connection(("127.0.0.1", door.port), SECONDS) as sock, contextlib.suppress(OSError):
        sock.settimeout(PATIENCE)
        for piece in pieces:
            sock.sendall(piece)
        sock.shutdown(socket.SHUT_WR)
        while sock.recv(65536):
            pass


def send_packets(door: Door, user: str, payloads: list[bytes]) -> None:
    """Exchange keys, log in if that is the user's name, and send encrypted packets; go away a moment later."""
    sock = socket.create_connection(("127.0.0.1", door.port), SECONDS)
    transport = paramiko.Transport(sock)
    held: paramiko.Channel | None = None
    try:
        transport.start_client(timeout=SECONDS)
        with contextlib.suppress(paramiko.SSHException, EOFError, OSError):
            if user:
                transport.auth_none(user)
            if user and payloads[0] == OPEN:
                # Requests count only behind the server's confirmation; a channel that nobody holds is closed.
                held = transport.open_session(timeout=SECONDS)
                payloads = payloads[1:]
            for payload in payloads:
                transport.packetizer.send_message(paramiko.Message(payload))
            transport.join(PATIENCE)
            del held
    finally:
        transport.close()
        transport.join(SECONDS)


@files_of("ssh-versions")
def test_every_version_of_the_corpus(door: Door, path: Path) -> None:
    send_raw(door, path.read_bytes())
    assert_nobody_noticed(door)


@files_of("ssh-before-keys")
def test_every_exchange_of_the_corpus_before_there_are_keys(door: Door, path: Path) -> None:
    send_raw(door, b"SSH-2.0-fuzz\r\n", *map(framed, payloads_of(path)))
    assert_nobody_noticed(door)


@tries(40)
@given(data=st.binary(max_size=300))
def test_any_bytes_in_place_of_a_version(door: Door, data: bytes) -> None:
    send_raw(door, data)
    assert_nobody_noticed(door)


@tries(40)
@example(payloads=[b"\x14" + bytes(16) + bytes(40) + b"\0" * 5])
@example(payloads=[b"\x14" + bytes(16) + b"\xff" * 40])
@example(payloads=[b"\x15"])
@example(payloads=[b"\x1e" + b"\xff\xff\xff\xff"])
@given(payloads=packets)
def test_any_packets_before_keys_are_exchanged(door: Door, payloads: list[bytes]) -> None:
    send_raw(door, b"SSH-2.0-fuzz\r\n", *map(framed, payloads))
    assert_nobody_noticed(door)


@tries(12)
@example(data=struct.pack(">I", 2**32 - 1) + bytes(64))
@example(data=struct.pack(">IB", 12, 255) + bytes(64))
@given(data=st.binary(max_size=200))
def test_any_bytes_behind_the_version(door: Door, data: bytes) -> None:
    send_raw(door, b"SSH-2.0-fuzz\r\n", data)
    assert_nobody_noticed(door)


@tries(12)
@example(payloads=[b"\x05" + text(b"ssh-connection"), OPEN])
@example(payloads=[b"\x05" + text(b"ssh-userauth"), b"\x32" + text(b"\xff") + text(b"ssh-connection") + text(b"none")])
@example(payloads=[OPEN, request(b"shell")])
@given(payloads=packets)
def test_any_packets_before_the_login(door: Door, payloads: list[bytes]) -> None:
    send_packets(door, "", payloads)
    assert_nobody_noticed(door)


@tries(15)
@example(payloads=[OPEN, OPEN, request(b"exec", text(b"\xff")), request(b"exec", text(b"cat")), request(b"shell")])
@example(payloads=[OPEN, request(b"pty-req", text(b"x"), b"\xff" * 16, text(b"\x01")), request(b"shell")])
@example(payloads=[OPEN, request(b"window-change", b"\xff" * 16), request(b"signal", text(b"\xff"))])
@example(payloads=[OPEN, request(b"env", text(b"\xff="), text(b"\0")), request(b"subsystem", text(b"\xff"))])
@example(payloads=[OPEN, b"\x5d" + struct.pack(">II", 0, 2**32 - 1), b"\x5d" + struct.pack(">II", 0, 2**32 - 1)])
@example(payloads=[OPEN, request(b"exec", text(b"cat")), b"\x5e" + struct.pack(">I", 0) + text(b"x" * 100_000)])
@example(payloads=[OPEN, request(b"exec", text(b"cat")), b"\x60\0\0\0\0", b"\x61\0\0\0\0", b"\x61\0\0\0\0"])
@given(payloads=packets.map(lambda some: [OPEN, *some]) | packets)
def test_any_packets_behind_the_login(door: Door, payloads: list[bytes]) -> None:
    send_packets(door, "alice", payloads)
    assert_nobody_noticed(door)


def test_what_is_sent_behind_the_login_is_heard(door: Door) -> None:
    before = door.house.count("sshore_sessions_total", kind="exec")
    for _ in range(3):
        send_packets(door, "alice", [OPEN, request(b"exec", text(b"cat"))])
    assert_nobody_noticed(door)
    assert door.house.count("sshore_sessions_total", kind="exec") > before
