"""Program streams of the real engine's kind, against a scripted engine on a socket of this test's own."""

import asyncio
import os
import socket
import struct

import pytest
from sshore.engine.address import EngineAddress
from sshore.engine.errors import AccessDenied, NotFound, ServerFault, TimedOut, Unavailable
from sshore.engine.stdin_writer import MOST_FRESH
from sshore.engine.streams import DockerStreams
from support.recorder import Recorder

SWITCH = b"HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n"
MISSING = b'HTTP/1.1 404 Not Found\r\nContent-Length: 17\r\n\r\n{"message":"no!"}'


def frame(kind, payload):
    return struct.pack(">BxxxI", kind, len(payload)) + payload


class ScriptedEngine:
    """Answers one connection with `answer`; the test goes on with its socket by hand."""

    def __init__(self, server, address):
        self._server = server
        self.streams = DockerStreams(EngineAddress.parse(address), lambda: "1.41")
        self.peer = None
        self.request = b""
        self.opened = []

    async def open(self, answer=SWITCH, *, tty=False, attach=False, timeout=5.0, receiver=None):
        recorder = receiver or Recorder()
        opener = self.streams.open_attach if attach else self.streams.open_exec
        answering = asyncio.create_task(self._answer(answer))
        try:
            stream = await opener("abc", recorder, tty=tty, timeout=timeout)
        finally:
            await answering
        self.opened.append(stream)
        return stream, recorder

    async def _answer(self, answer):
        loop = asyncio.get_running_loop()
        self.peer, _ = await loop.sock_accept(self._server)
        self.peer.setblocking(False)
        self.request = await loop.sock_recv(self.peer, 65536)
        await self.send(answer)

    async def send(self, data):
        await asyncio.get_running_loop().sock_sendall(self.peer, data)

    async def receive(self, size=65536):
        async with asyncio.timeout(5):
            return await asyncio.get_running_loop().sock_recv(self.peer, size)

    def reset(self):
        self.peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.peer.close()

    def close(self):
        if self.peer is not None:
            self.peer.close()


@pytest.fixture(params=["unix", "tcp"])
async def scripted(request, tmp_path):
    if request.param == "unix":
        server, address = socket.socket(socket.AF_UNIX), f"unix://{tmp_path}/engine.sock"
        server.bind(f"{tmp_path}/engine.sock")
        server.listen()
    else:
        server = socket.create_server(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{server.getsockname()[1]}"
    server.setblocking(False)
    engine = ScriptedEngine(server, address)
    yield engine
    for stream in engine.opened:
        stream.close()
    engine.close()
    server.close()


async def test_exec_and_attach_ask_for_what_docker_calls_them(scripted):
    stream, _ = await scripted.open()
    assert scripted.request.startswith(b"POST /v1.41/exec/abc/start HTTP/1.1\r\n")
    assert scripted.request.endswith(b'{"Detach": false, "Tty": false}')
    stream.close()
    scripted.close()
    stream, _ = await scripted.open(attach=True)
    line = scripted.request.split(b"\r\n")[0]
    assert line.startswith(b"POST /v1.41/containers/abc/attach?stream=1&stdin=1&stdout=1&stderr=1")
    stream.close()


async def test_bytes_that_come_with_the_answer_are_heard_after_the_opening(scripted):
    stream, recorder = await scripted.open(SWITCH + frame(1, b"early")[:-2])
    assert recorder.calls == 0
    await recorder.until_stdout(b"ear")
    await scripted.send(frame(1, b"early")[-2:])
    await recorder.until_stdout(b"early")
    stream.close()


async def test_an_end_that_comes_with_the_answer_is_an_end(scripted):
    answer = SWITCH + frame(1, b"all") + frame(2, b"of it")
    _, recorder = await scripted.open(answer)
    scripted.close()
    assert await recorder.until_ended() is None
    assert (bytes(recorder.stdout), bytes(recorder.stderr)) == (b"all", b"of it")


async def test_an_end_inside_a_frame_is_a_lost_connection(scripted):
    _, recorder = await scripted.open()
    await scripted.send(frame(1, b"cut off")[:-1])
    scripted.close()
    assert isinstance(await recorder.until_ended(), Unavailable)
    assert bytes(recorder.stdout) == b"cut of"


@pytest.mark.parametrize("scripted", ["tcp"], indirect=True)
async def test_a_reset_is_a_lost_connection_while_nothing_was_written(scripted):
    _, recorder = await scripted.open()
    scripted.reset()
    assert isinstance(await recorder.until_ended(), Unavailable)


async def test_output_survives_that_nobody_reads_stdin_any_more(scripted):
    stream, recorder = await scripted.open()
    stream.pause_output()
    stream.write(b"never read")
    await scripted.send(frame(1, b"last words"))
    scripted.close()
    for _ in range(100):
        stream.write(b"into the void")
        await asyncio.sleep(0)
    stream.write_eof()
    stream.resume_output()
    assert await recorder.until_ended() is None
    assert bytes(recorder.stdout) == b"last words"


async def test_an_unknown_frame_is_the_engines_fault(scripted):
    _, recorder = await scripted.open()
    await scripted.send(b"\x09\0\0\0\0\0\0\x01x")
    assert isinstance(await recorder.until_ended(), ServerFault)


async def test_a_receiver_that_fails_ends_its_own_stream_only(scripted):
    class Failing(Recorder):
        def output_received(self, data, *, stderr):
            raise KeyError("bug")

    _, recorder = await scripted.open(receiver=Failing())
    await scripted.send(frame(1, b"x"))
    assert isinstance(await recorder.until_ended(), KeyError)
    assert await scripted.receive() == b""


async def test_closing_from_within_the_output_stops_it_there(scripted):
    class Closing(Recorder):
        def output_received(self, data, *, stderr):
            super().output_received(data, stderr=stderr)
            self.stream.close()

    recorder = Closing()
    recorder.stream, _ = await scripted.open(receiver=recorder)
    await scripted.send(frame(1, b"one") + frame(1, b"two"))
    await recorder.until_stdout(b"one")
    assert await scripted.receive() == b""
    assert (recorder.calls, recorder.has_ended) == (1, False)


async def test_the_writer_is_paused_while_anything_waits_and_resumed_behind_it(scripted):
    stream, recorder = await scripted.open(tty=True)
    data = os.urandom(65_536)
    written = 0
    while not recorder.input_paused:
        stream.write(data)
        written += len(data)
    assert written < MOST_FRESH + 16_000_000
    stream.write_eof()
    received = bytearray()
    while part := await scripted.receive(1_000_000):
        received += part
    assert received == data * (written // len(data))
    await recorder.until_input_flows(True)
    await scripted.send(b"read it all")
    scripted.close()
    assert await recorder.until_ended() is None
    assert bytes(recorder.stdout) == b"read it all"


async def test_what_is_kept_for_later_is_a_copy(scripted):
    stream, recorder = await scripted.open(tty=True)
    scratch = bytearray(b"a" * 65_536)
    while not recorder.input_paused:
        stream.write(memoryview(scratch))
    scratch[:] = b"b" * len(scratch)
    stream.write_eof()
    while part := await scripted.receive(1_000_000):
        assert b"b" not in part


async def test_a_refusal_closes_the_connection(scripted):
    with pytest.raises(NotFound, match="no!"):
        await scripted.open(MISSING)
    assert await scripted.receive() == b""


async def test_an_engine_that_does_not_answer_is_given_up(scripted):
    with pytest.raises(TimedOut):
        await scripted.open(b"", timeout=0.1)
    assert await scripted.receive() == b""


async def test_a_cancelled_opening_closes_its_connection(scripted):
    answered = asyncio.Event()

    async def never(data):
        answered.set()

    scripted.send = never
    task = asyncio.create_task(scripted.open())
    await answered.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await scripted.receive() == b""


async def test_an_engine_that_hangs_up_instead_of_answering_is_unavailable(scripted):
    async def hang_up(answer):
        loop = asyncio.get_running_loop()
        scripted.peer, _ = await loop.sock_accept(scripted._server)
        await loop.sock_recv(scripted.peer, 65536)
        scripted.peer.close()

    scripted._answer = hang_up
    with pytest.raises(Unavailable):
        await scripted.open()


async def test_a_socket_that_is_not_there_is_unavailable(tmp_path):
    streams = DockerStreams(EngineAddress.parse(f"unix://{tmp_path}/none.sock"), lambda: "1.41")
    with pytest.raises(Unavailable):
        await streams.open_exec("abc", Recorder(), tty=False, timeout=5)


async def test_a_full_accept_queue_is_waited_for(tmp_path):
    server = socket.socket(socket.AF_UNIX)
    server.bind(f"{tmp_path}/engine.sock")
    server.listen(0)
    first = socket.socket(socket.AF_UNIX)
    first.connect(f"{tmp_path}/engine.sock")
    streams = DockerStreams(EngineAddress.parse(f"unix://{tmp_path}/engine.sock"), lambda: "1.41")
    with server, first, pytest.raises(TimedOut):
        await streams.open_exec("abc", Recorder(), tty=False, timeout=0.2)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs to become somebody without permission")
async def test_a_socket_without_permission_is_access_denied(tmp_path):
    server = socket.socket(socket.AF_UNIX)
    server.bind(f"{tmp_path}/engine.sock")
    server.listen()
    os.chmod(f"{tmp_path}/engine.sock", 0o600)
    streams = DockerStreams(EngineAddress.parse(f"unix://{tmp_path}/engine.sock"), lambda: "1.41")
    os.seteuid(65534)
    try:
        with pytest.raises(AccessDenied):
            await streams.open_exec("abc", Recorder(), tty=False, timeout=5)
    finally:
        os.seteuid(0)
        server.close()
