"""The engine behind TLS: a proxy with certificates of the test's own, in front of the real engine's socket."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
import structlog
from sshore.engine.address import EngineAddress
from sshore.engine.docker_engine import DockerEngine
from sshore.engine.errors import AccessDenied
from sshore.engine.janitor_link import JanitorLink
from sshore.engine.types import ContainerDied, ContainerSpec
from support.certificates import Authority

pytestmark = pytest.mark.engine


@dataclass(frozen=True)
class Proxy:
    host: str
    authority: Authority


@pytest.fixture
def proxy(tmp_path: Path, address: EngineAddress) -> Iterator[Proxy]:
    """Listens with TLS, asks for a client certificate, and leads to the engine."""
    authority = Authority()
    context = _server_context(tmp_path, authority)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_serve, args=(listener, context, address), daemon=True).start()
        yield Proxy(f"tcp://127.0.0.1:{listener.getsockname()[1]}", authority)
        listener.shutdown(socket.SHUT_RDWR)


def test_everything_that_is_done_over_a_socket_is_done_over_tls(
    proxy: Proxy, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere")
    address = EngineAddress.parse(proxy.host, proxy.authority.certificate, *_pem(proxy.authority))
    engine = DockerEngine(address)
    config = {"Image": "sshore/mini", "Cmd": ["sh", "-c", "read x; exit 4"], "OpenStdin": True}
    more = {"Labels": {"engine-test": name}, "HostConfig": {"NetworkMode": "none"}}
    container = engine.create_container(ContainerSpec(name, config | more), timeout=10)
    events = engine.events({"engine-test": name}, timeout=5)
    control = engine.attach_control(container, timeout=5)
    engine.start_container(container, timeout=20)
    control.send_line("go", timeout=5)
    assert next(iter(events)) == (container, ContainerDied(4, oom=False))
    control.close()
    events.close()
    link = JanitorLink(address, name, structlog.get_logger(), grace=0.1)
    link.claim(name)
    janitor = psutil.Process(link.pid)
    link.close()
    janitor.wait(10)
    assert engine.list_containers({"engine-test": name}, timeout=5) == []
    engine.close()


def test_an_engine_of_another_authority_is_refused(proxy: Proxy) -> None:
    address = EngineAddress.parse(proxy.host, Authority().certificate, *_pem(proxy.authority))
    with pytest.raises(AccessDenied, match="not of the authority in cacert"):
        DockerEngine(address).ping(timeout=5)


def test_a_client_without_a_certificate_is_denied(proxy: Proxy) -> None:
    address = EngineAddress.parse(proxy.host, proxy.authority.certificate)
    with pytest.raises(AccessDenied):
        DockerEngine(address).ping(timeout=5)


def _pem(authority: Authority) -> tuple[str, str]:
    issued = authority.issue()
    return issued.certificate, issued.key


def _server_context(folder: Path, authority: Authority) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.issue().write(folder, "server"))
    context.load_verify_locations(cadata=authority.certificate)
    context.verify_mode = ssl.CERT_REQUIRED
    return context


def _serve(listener: socket.socket, context: ssl.SSLContext, address: EngineAddress) -> None:
    while True:
        try:
            client, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=_carry, args=(client, context, address), daemon=True).start()


def _carry(client: socket.socket, context: ssl.SSLContext, address: EngineAddress) -> None:
    tls = context.wrap_socket(client, server_side=True, do_handshake_on_connect=False)
    with contextlib.suppress(OSError), tls:
        try:
            tls.do_handshake()
        except ssl.SSLError:
            _let_the_alert_arrive(tls)
            return
        with address.connect_blocking(5) as engine:
            engine.settimeout(None)
            back = threading.Thread(target=_pump, args=(engine, tls), daemon=True)
            back.start()
            _pump(tls, engine)
            back.join()


def _let_the_alert_arrive(tls: ssl.SSLSocket) -> None:
    # Closed with the client's request unread, the connection would be reset and the alert lost on its way.
    tls.shutdown(socket.SHUT_WR)
    while tls.recv(65_536):
        pass


def _pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65_536):
            target.sendall(data)
    for end in (source, target):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
