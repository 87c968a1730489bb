"""Program streams over TLS, against a scripted engine: half-close, real ends and ragged ones."""

import asyncio
import contextlib
import socket
import ssl
import subprocess
import threading

import pytest
from sshore.engine.address import EngineAddress
from sshore.engine.errors import AccessDenied, TimedOut, Unavailable
from sshore.engine.streams import DockerStreams
from support.recorder import Recorder

SWITCH = b"HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n"
OUTPUT = bytes(range(256)) * 8_000


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1",
         "-subj", "/CN=engine", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", "key.pem", "-out", "cert.pem"],
        cwd=folder, check=True, capture_output=True,
    )  # fmt: skip
    return folder


class TlsEngine:
    """Serves one connection in a thread: reads the request, switches, reads stdin to its end, then `finish`es."""

    def __init__(self, certificate, finish, version):
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
        self._context.maximum_version = version
        self._finish = finish
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self.stdin = bytearray()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def join(self):
        self._thread.join(10)
        assert not self._thread.is_alive()

    def _serve(self):
        with self._server, self._server.accept()[0] as plain:
            plain.settimeout(10)
            try:
                self._talk(self._context.wrap_socket(plain, server_side=True))
            except ssl.SSLError:
                return

    def _talk(self, connection):
        with connection:
            connection.recv(65536)
            connection.sendall(SWITCH + b"early ")
            while data := connection.recv(65536):
                self.stdin += data
            self._finish(connection)


@pytest.fixture(params=[ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"])
def serve(request, certificate):
    engines = []

    def start(finish):
        engines.append(TlsEngine(certificate, finish, request.param))
        return engines[-1]

    yield start
    for engine in engines:
        engine.join()


def say_all_and_close(connection):
    connection.sendall(OUTPUT)
    with contextlib.suppress(OSError):
        connection.unwrap()


def say_all_and_die(connection):
    connection.sendall(OUTPUT)
    connection.shutdown(socket.SHUT_RDWR)


async def open_stream(engine, cacert):
    streams = DockerStreams(EngineAddress.parse(f"tcp://127.0.0.1:{engine.port}", str(cacert)), lambda: "1.41")
    recorder = Recorder()
    return await streams.open_exec("abc", recorder, tty=True, timeout=5), recorder


async def test_all_output_comes_after_stdin_was_ended(serve, certificate):
    engine = serve(say_all_and_close)
    stream, recorder = await open_stream(engine, certificate / "cert.pem")
    data = OUTPUT * 2
    stream.write(data)
    stream.write_eof()
    assert await recorder.until_ended() is None
    assert recorder.stdout == b"early " + OUTPUT
    assert engine.stdin == data


async def test_an_end_without_a_goodbye_is_a_lost_connection(serve, certificate):
    stream, recorder = await open_stream(serve(say_all_and_die), certificate / "cert.pem")
    stream.write_eof()
    assert isinstance(await recorder.until_ended(), Unavailable)
    assert recorder.stdout == b"early " + OUTPUT


async def test_a_certificate_of_unknown_origin_is_access_denied(serve):
    engine = serve(say_all_and_close)
    address = EngineAddress.parse(f"https://127.0.0.1:{engine.port}")
    with pytest.raises(AccessDenied, match="certificate"):
        await DockerStreams(address, lambda: "1.41").open_exec("abc", Recorder(), tty=True, timeout=5)


async def test_an_engine_that_stalls_in_the_handshake_is_given_up(certificate):
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = EngineAddress.parse(f"tcp://127.0.0.1:{server.getsockname()[1]}", str(certificate / "cert.pem"))
        async with asyncio.timeout(5):
            with pytest.raises(TimedOut):
                await DockerStreams(address, lambda: "1.41").open_exec("abc", Recorder(), tty=True, timeout=0.2)
