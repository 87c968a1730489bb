"""Engines that cannot be spoken to: one sentence for the operator, the same for calls, events and streams."""

from __future__ import annotations

import os
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sshore.engine.address import EngineAddress
from sshore.engine.docker_engine import DockerEngine
from sshore.engine.errors import EngineError
from sshore.engine.reasons import reason
from sshore.engine.streams import DockerStreams
from support.certificates import LOOPBACK, Authority, Issued
from support.engines import EngineAtHand
from support.recorder import Recorder

SECONDS = 10.0


async def said(host: str, **files: str) -> str:
    """Call, subscribe and open a stream; all must fail alike. Return the sentence, without the system's words."""
    address = EngineAddress.parse(host, **files)
    engine = DockerEngine(address)
    failures = []
    for call in (lambda: engine.ping(timeout=SECONDS), lambda: engine.events({}, timeout=SECONDS)):
        with pytest.raises(EngineError) as caught:
            call()
        failures.append(caught.value)
    with pytest.raises(EngineError) as caught:
        await DockerStreams(address, lambda: "1.41").open_exec("abc", Recorder(), tty=False, timeout=SECONDS)
    failures.append(caught.value)
    engine.close()
    (sentence,) = {f"{failure.code}: {failure.detail.partition(' (')[0]}" for failure in failures}
    return sentence


@pytest.mark.engine
class TestARealEngine:
    @pytest.fixture
    def tls(self, engine_at: Callable[[str], EngineAtHand]) -> dict[str, str]:
        return dict(engine_at("tls").connection)

    async def test_another_authority(self, tls: dict[str, str]) -> None:
        sentence = await said(**tls | {"cacert": Authority().certificate})
        assert sentence == "ENGINE_ACCESS_DENIED: the engine's certificate is not of the authority in cacert"

    async def test_a_client_certificate_of_another_authority(self, tls: dict[str, str]) -> None:
        other = Authority().issue()
        sentence = await said(**tls | {"cert": other.certificate, "key": other.key})
        assert sentence.startswith("ENGINE_ACCESS_DENIED: the engine does not accept the certificate in cert")

    async def test_no_client_certificate(self, tls: dict[str, str]) -> None:
        sentence = await said(tls["host"], cacert=tls["cacert"])
        assert sentence.startswith("ENGINE_ACCESS_DENIED: the engine does not accept the certificate in cert, or wants")

    async def test_the_port_of_tls_where_none_was_meant(self, tls: dict[str, str]) -> None:
        assert await said(tls["host"]) == (
            "ENGINE_ACCESS_DENIED: the engine speaks TLS on this port: set cacert, cert and key of docker.connection"
        )

    async def test_a_plain_port_where_tls_was_meant(
        self, tls: dict[str, str], engine_at: Callable[[str], EngineAtHand]
    ) -> None:
        plain = engine_at("tcp").connection["host"]
        assert await said(plain, cacert=tls["cacert"]) == (
            "ENGINE_ACCESS_DENIED: the engine does not speak TLS on this port: "
            "leave out cacert, cert and key, or take its TLS port"
        )


async def test_an_engine_whose_certificate_has_expired(tmp_path: Path) -> None:
    authority = Authority()
    with listening(tmp_path, authority, authority.issue(expired=True)) as host:
        sentence = await said(host, cacert=authority.certificate)
    assert sentence == "ENGINE_ACCESS_DENIED: the engine's certificate has expired"


async def test_an_engine_whose_certificate_is_for_another_host(tmp_path: Path) -> None:
    authority = Authority()
    with listening(tmp_path, authority, authority.issue("192.0.2.1")) as host:
        sentence = await said(host, cacert=authority.certificate)
    assert sentence == "ENGINE_ACCESS_DENIED: the engine's certificate is for another host"


async def test_our_own_certificate_has_expired(tmp_path: Path) -> None:
    authority = Authority()
    expired = authority.issue(expired=True)
    with listening(tmp_path, authority, authority.issue()) as host:
        sentence = await said(host, cacert=authority.certificate, cert=expired.certificate, key=expired.key)
    assert sentence == "ENGINE_ACCESS_DENIED: the engine does not accept the certificate in cert: it has expired"


async def test_nobody_listens() -> None:
    with socket.create_server((LOOPBACK, 0)) as free:
        port = free.getsockname()[1]
    assert await said(f"tcp://{LOOPBACK}:{port}") == "ENGINE_UNAVAILABLE: nobody listens there"


async def test_a_socket_that_is_not_there(tmp_path: Path) -> None:
    assert await said(f"unix://{tmp_path}/none") == "ENGINE_UNAVAILABLE: there is no such socket"


def test_a_socket_that_this_user_may_not_open() -> None:
    failure = PermissionError(13, os.strerror(13))
    assert reason(failure) == "this user may not open the engine's socket (Permission denied)"


@contextmanager
def listening(folder: Path, authority: Authority, issued: Issued) -> Iterator[str]:
    """A port with TLS that wants a client's certificate, if there is one, to be good, and answers nothing."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*issued.write(folder, "server"))
    context.load_verify_locations(cadata=authority.certificate)
    context.verify_mode = ssl.CERT_OPTIONAL
    with socket.create_server((LOOPBACK, 0)) as listener:
        threading.Thread(target=_refuse_all, args=(listener, context), daemon=True).start()
        yield f"tcp://{LOOPBACK}:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)


def _refuse_all(listener: socket.socket, context: ssl.SSLContext) -> None:
    while True:
        try:
            client, _ = listener.accept()
        except OSError:
            return
        with client, context.wrap_socket(client, server_side=True, do_handshake_on_connect=False) as tls:
            try:
                tls.do_handshake()
            except OSError:
                _let_the_alert_arrive(tls)


def _let_the_alert_arrive(tls: ssl.SSLSocket) -> None:
    # Closed with something unread, the connection would be reset and the alert lost on its way.
    try:
        tls.shutdown(socket.SHUT_WR)
        while tls.recv(65_536):
            pass
    except OSError:
        return
