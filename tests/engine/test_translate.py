"""What foreign failures become."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests
import urllib3.exceptions
from sshore.engine.address import EngineAddress
from sshore.engine.clients import ClientPool
from sshore.engine.errors import (
    AccessDenied,
    Conflict,
    EngineError,
    NotFound,
    Refused,
    RegistryDenied,
    ServerFault,
    TimedOut,
    Unavailable,
)
from sshore.engine.translate import translate, translate_pull_error, translate_status

Serve = Callable[[bytes | None], ClientPool]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Serve the API version, then the given bytes to one more request; None never answers that one."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "engine.sock"))
    listener.listen()
    threads: list[threading.Thread] = []
    held: list[socket.socket] = []

    def start(answer: bytes | None) -> ClientPool:
        threads.append(threading.Thread(target=_serve, args=(listener, answer, held), daemon=True))
        threads[0].start()
        return ClientPool(EngineAddress(path=str(tmp_path / "engine.sock")))

    yield start
    for connection in held:
        connection.close()
    listener.close()


def _serve(listener: socket.socket, answer: bytes | None, held: list[socket.socket]) -> None:
    for reply in (_answer(200, {"ApiVersion": "1.41"}), answer):
        connection, _ = listener.accept()
        connection.recv(65_536)
        if reply is None:
            held.append(connection)
            return
        connection.sendall(reply)
        connection.close()


def _answer(status: int, body: object) -> bytes:
    text = json.dumps(body).encode()
    return b"HTTP/1.1 %d X\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s" % (status, len(text), text)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, Refused),
        (401, Refused),
        (403, Refused),
        (404, NotFound),
        (409, Conflict),
        (418, Refused),
        (500, ServerFault),
        (501, Refused),
        (503, ServerFault),
    ],
)
def test_a_status_becomes_its_error_with_the_engines_own_words(
    serve: Serve, status: int, kind: type[EngineError]
) -> None:
    pool = serve(_answer(status, {"message": "the engine's own words"}))
    with pytest.raises(kind) as caught:
        pool.run("container_inspect", 5, lambda client: client.inspect_container("x"))
    assert caught.value.operation == "container_inspect"
    assert caught.value.detail == "the engine's own words"


@pytest.mark.parametrize("status", [400, 409, 500])
@pytest.mark.parametrize("who", ["user nobody-knows: no matching entries in passwd file", "group 4711: no such group"])
def test_a_user_whom_an_image_lacks_is_a_refusal_whatever_the_status(serve: Serve, who: str, status: int) -> None:
    pool = serve(_answer(status, {"message": f"linux spec user: unable to find {who}"}))
    with pytest.raises(Refused, match="linux spec user"):
        pool.run("container_start", 5, lambda client: client.start("x"))


def test_an_engine_that_closes_without_an_answer_is_unavailable(serve: Serve) -> None:
    with pytest.raises(Unavailable):
        serve(b"").run("ping", 5, lambda client: client.ping())


def test_an_answer_cut_off_in_the_middle_is_unavailable(serve: Serve) -> None:
    cut = _answer(200, {"Id": "x" * 100})[:-50]
    with pytest.raises(Unavailable):
        serve(cut).run("container_inspect", 5, lambda client: client.inspect_container("x"))


def test_an_answer_that_is_not_json_is_a_fault(serve: Serve) -> None:
    garbage = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello"
    with pytest.raises(ServerFault):
        serve(garbage).run("container_inspect", 5, lambda client: client.inspect_container("x"))


def test_an_engine_that_does_not_answer_times_out(serve: Serve) -> None:
    with pytest.raises(TimedOut):
        serve(None).run("ping", 0.2, lambda client: client.ping())


def test_a_body_that_stops_coming_times_out(serve: Serve) -> None:
    failure = requests.ConnectionError(urllib3.exceptions.ReadTimeoutError(None, "/x", "Read timed out."))  # type: ignore[arg-type]  # it wants a pool and uses none
    assert isinstance(translate("container_list", failure), TimedOut)


def test_a_socket_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    pool = ClientPool(EngineAddress(path=str(tmp_path / "none.sock")))
    with pytest.raises(Unavailable, match="No such file"):
        pool.run("ping", 5, lambda client: client.ping())


def test_a_socket_that_nobody_listens_on_is_unavailable(tmp_path: Path) -> None:
    bound = socket.socket(socket.AF_UNIX)
    bound.bind(str(tmp_path / "dead.sock"))
    with bound, pytest.raises(Unavailable, match="refused"):
        ClientPool(EngineAddress(path=str(tmp_path / "dead.sock"))).run("ping", 5, lambda client: client.ping())


def test_a_port_that_nobody_listens_on_is_unavailable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(Unavailable, match="refused"):
        ClientPool(EngineAddress(host="127.0.0.1", port=port)).run("ping", 5, lambda client: client.ping())


def test_a_host_that_has_no_address_is_unavailable() -> None:
    address = EngineAddress.parse("tcp://no-such-host.invalid:2375")
    with pytest.raises(Unavailable):
        ClientPool(address).run("ping", 5, lambda client: client.ping())


def test_a_socket_without_permission_is_denied() -> None:
    inner = urllib3.exceptions.ProtocolError("Connection aborted.", PermissionError(13, "Permission denied"))
    error = translate("ping", requests.ConnectionError(inner))
    assert isinstance(error, AccessDenied)
    assert error.permanent
    assert "Permission denied" in error.detail


def test_a_tls_refusal_is_denied_but_a_tls_connection_that_ends_is_unavailable() -> None:
    alert = requests.exceptions.SSLError(ssl.SSLError(1, "[SSL: TLSV13_ALERT_CERTIFICATE_REQUIRED]"))
    assert isinstance(translate("ping", alert), AccessDenied)
    ended = requests.exceptions.SSLError(ssl.SSLEOFError(8, "EOF occurred in violation of protocol"))
    assert isinstance(translate("ping", ended), Unavailable)
    ended_for_old_pythons = ssl.SSLError(1, "[SSL: UNEXPECTED_EOF_WHILE_READING] unexpected eof while reading")
    ended_for_old_pythons.reason = "UNEXPECTED_EOF_WHILE_READING"
    assert isinstance(translate("ping", requests.exceptions.SSLError(ended_for_old_pythons)), Unavailable)


def test_an_engine_error_stays_itself() -> None:
    error = NotFound("ping", "x")
    assert translate("container_list", error) is error


def test_a_call_the_engine_does_not_know_is_no_missing_container() -> None:
    assert isinstance(translate_status("container_create", 404, b'{"message":"page not found"}'), Refused)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("manifest for x:1 not found: manifest unknown: manifest unknown", NotFound),
        ("no matching manifest for linux/arm64 in the manifest list entries", NotFound),
        ("pull access denied for x, repository does not exist or may require 'docker login'", RegistryDenied),
        ("unauthorized: authentication required", RegistryDenied),
        ('Head "http://x/v2/": no basic auth credentials', RegistryDenied),
        ("invalid reference format", Refused),
        ('Get "https://x/v2/": dial tcp: lookup x: no such host', ServerFault),
        ("toomanyrequests: You have reached your pull rate limit", ServerFault),
    ],
)
def test_a_pulls_error_is_what_the_registry_meant(text: str, kind: type[EngineError]) -> None:
    assert type(translate_pull_error(text)) is kind
    status_403 = translate_status("image_pull", 403, json.dumps({"message": text}).encode())
    assert type(status_403) is kind
    status_500 = translate_status("image_pull", 500, json.dumps({"message": text}).encode())
    assert type(status_500) is kind


@pytest.mark.parametrize(
    "text",
    [
        "invalid volume specification: '/a:b': invalid mount path: 'b' mount path must be absolute",
        "invalid mode: bogus",
        "error while creating mount source path '/proc/1/x': mkdir /proc/1/x: no such file or directory",
        'error gathering device information while adding custom device "/dev/x": no such file or directory',
    ],
)
def test_settings_that_docker_calls_a_fault_of_its_own_are_refused_at_once(text: str) -> None:
    body = json.dumps({"message": text}).encode()
    assert translate_status("container_start", 500, body).permanent
    assert type(translate_status("exec_create", 500, body)) is ServerFault
    assert type(translate_status("container_start", 500, b'{"message":"no space left on device"}')) is ServerFault
