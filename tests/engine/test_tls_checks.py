"""What is asked of an engine's certificate: as much as Docker's client asks, whatever this Python asks by itself."""

from __future__ import annotations

import json
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from sshore.engine import tls as module
from sshore.engine.address import EngineAddress
from sshore.engine.docker_engine import DockerEngine
from sshore.engine.errors import AccessDenied, NotFound
from sshore.engine.streams import DockerStreams
from sshore.engine.tls import TlsFiles, client_context
from support.certificates import LOOPBACK
from support.recorder import Recorder

SECONDS = 10.0
ANSWER = json.dumps({"ApiVersion": "1.41", "Version": "1", "message": "no"}).encode()
NEW_KEY = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc"
COMMANDS = """
openssl req -new -x509 {new_key} -days 2 -sha256 -keyout ca-key.pem -out ca.pem -subj /CN=authority
openssl req -new {new_key} -sha256 -keyout server-key.pem -out server.csr -subj /CN=engine
echo subjectAltName = DNS:engine.example,IP:{address} >server.cnf
echo extendedKeyUsage = serverAuth >>server.cnf
openssl x509 -req -days {days} -sha256 -in server.csr -CA ca.pem -CAkey ca-key.pem -CAcreateserial \
    -out server-cert.pem -extfile server.cnf
openssl req -new {new_key} -sha256 -keyout key.pem -out client.csr -subj /CN=client
echo extendedKeyUsage = clientAuth >client.cnf
openssl x509 -req -days 2 -sha256 -in client.csr -CA ca.pem -CAkey ca-key.pem -CAcreateserial \
    -out cert.pem -extfile client.cnf
"""
"""https://docs.docker.com/engine/security/protect-access/, with keys that are made quickly and have no passphrase."""
BELOW_ANOTHER = """
openssl req -new -x509 {new_key} -days 2 -keyout root-key.pem -out root.pem -subj /CN=root
openssl req -new -key ca-key.pem -out ca.csr -subj /CN=authority
echo basicConstraints = CA:true >ca.cnf
openssl x509 -req -days 2 -in ca.csr -CA root.pem -CAkey root-key.pem -CAcreateserial -out ca.pem -extfile ca.cnf
"""
"""The same authority, but not its own."""


FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "name": ({"address": "192.0.2.1"}, "the engine's certificate is for another host"),
    "dates": ({"days": 0}, "the engine's certificate has expired"),
    "chain": ({}, "not of the authority in cacert"),
}


class Faulty(NamedTuple):
    """An engine's certificates with one fault, the authority that a client trusts, and what is said."""

    files: TlsFiles
    cacert: str
    sentence: str


def certificates(folder: Path, *, address: str = LOOPBACK, days: int = 2, more: str = "") -> TlsFiles:
    folder.mkdir()
    script = (COMMANDS + more).format(address=address, days=days, new_key=NEW_KEY)
    subprocess.run(["sh", "-e", "-c", script], cwd=folder, check=True, capture_output=True, timeout=60)
    return TlsFiles(*(str(folder / f"{name}.pem") for name in ("ca", "cert", "key")))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> TlsFiles:
    return certificates(tmp_path_factory.mktemp("tls") / "made")


@pytest.fixture(scope="module")
def below_another(tmp_path_factory: pytest.TempPathFactory) -> TlsFiles:
    return certificates(tmp_path_factory.mktemp("tls") / "below", more=BELOW_ANOTHER)


@pytest.fixture(scope="module", params=FAULTS)
def faulty(request: pytest.FixtureRequest, made: TlsFiles, tmp_path_factory: pytest.TempPathFactory) -> Faulty:
    given, sentence = FAULTS[request.param]
    files = certificates(tmp_path_factory.mktemp("tls") / "faulty", **given)
    return Faulty(files, files.cacert if given else made.cacert, sentence)


@pytest.fixture(params=["this Python's own", "Python 3.13's", "Python 3.12's"])
def defaults(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """`ssl.create_default_context` of one Python and another."""
    create, strict = ssl.create_default_context, ssl.VERIFY_X509_STRICT | ssl.VERIFY_X509_PARTIAL_CHAIN

    def create_another(**given: object) -> ssl.SSLContext:
        context = create(**given)  # type: ignore[arg-type]
        context.verify_flags = context.verify_flags | strict if "3.13" in request.param else ssl.VerifyFlags(0)
        return context

    if request.param.startswith("Python"):
        monkeypatch.setattr(module.ssl, "create_default_context", create_another)
    client_context.cache_clear()
    yield
    client_context.cache_clear()


@dataclass(frozen=True)
class There:
    """An engine that a client can try to reach."""

    address: EngineAddress
    engine: DockerEngine


@contextmanager
def engine(files: TlsFiles, cacert: str = "") -> Iterator[There]:
    """What answers a ping over TLS with these certificates, to a client that has one, too."""
    folder = Path(files.cacert).parent
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server-cert.pem", folder / "server-key.pem")
    context.load_verify_locations(folder / "ca.pem")
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.verify_mode = ssl.CERT_REQUIRED
    with socket.create_server((LOOPBACK, 0)) as listener:
        threading.Thread(target=_serve, args=(listener, context), daemon=True).start()
        host = f"tcp://{LOOPBACK}:{listener.getsockname()[1]}"
        address = EngineAddress.parse(host, cacert or files.cacert, files.cert, files.key)
        client = DockerEngine(address)
        yield There(address, client)
        client.close()
        listener.shutdown(socket.SHUT_RDWR)


async def reach(there: There) -> None:
    """A call, and a stream, which this engine does not know."""
    assert there.engine.ping(timeout=SECONDS).version == "1"
    with pytest.raises(NotFound):
        await there.engine.streams.open_exec("abc", Recorder(), tty=False, timeout=SECONDS)


def _serve(listener: socket.socket, context: ssl.SSLContext) -> None:
    while True:
        try:
            client, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=_answer, args=(client, context), daemon=True).start()


def _answer(client: socket.socket, context: ssl.SSLContext) -> None:
    client.settimeout(SECONDS)
    # A client that refuses the certificate ends this.
    with client, suppress(OSError), context.wrap_socket(client, server_side=True) as tls:
        while request := tls.recv(65_536):
            status = b"200 OK" if request.startswith(b"GET") else b"404 Not Found"
            tls.sendall(b"HTTP/1.1 %b\r\nContent-Length: %d\r\n\r\n%b" % (status, len(ANSWER), ANSWER))


@pytest.mark.usefixtures("defaults")
async def test_certificates_made_as_docker_says_are_taken(made: TlsFiles) -> None:
    with engine(made) as there:
        await reach(there)


def test_they_are_what_a_strict_python_refuses(made: TlsFiles) -> None:
    context = ssl.create_default_context(cafile=made.cacert)
    context.load_cert_chain(made.cert, made.key)
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    with engine(made) as there:
        address = there.address
        with (
            socket.create_connection((address.host, address.port), SECONDS) as sock,
            pytest.raises(ssl.SSLCertVerificationError, match=r"(?i)key usage|key identifier"),
        ):
            context.wrap_socket(sock, server_hostname=address.host)


@pytest.mark.usefixtures("defaults")
async def test_an_authority_that_another_signed_is_one(below_another: TlsFiles) -> None:
    with engine(below_another) as there:
        await reach(there)


@pytest.mark.usefixtures("defaults")
async def test_what_docker_checks_is_checked(faulty: Faulty) -> None:
    with engine(faulty.files, faulty.cacert) as there:
        with pytest.raises(AccessDenied, match=faulty.sentence):
            there.engine.ping(timeout=SECONDS)
        with pytest.raises(AccessDenied, match=faulty.sentence):
            await DockerStreams(there.address, lambda: "1.41").open_exec("a", Recorder(), tty=False, timeout=SECONDS)
