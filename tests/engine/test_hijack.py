"""The exchange that turns a connection into a stream."""

import pytest
from sshore.engine.errors import Conflict, NotFound, Refused, ServerFault, Unavailable
from sshore.engine.hijack import Upgrade

SWITCH = (
    b"HTTP/1.1 101 UPGRADED\r\n"
    b"Content-Type: application/vnd.docker.raw-stream\r\n"
    b"Connection: Upgrade\r\nUpgrade: tcp\r\n\r\n"
)
OLD = b"HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.raw-stream\r\n\r\n"


def upgrade():
    return Upgrade("/v1.41/exec/abc/start", b'{"Tty": false}', "localhost", "exec_start")


def answer(status, body, framing="length"):
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\n"
    if framing == "length":
        head += f"Content-Length: {len(body)}\r\n"
    if framing == "chunked":
        head += "Transfer-Encoding: chunked\r\n"
        body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    return head.encode() + b"\r\n" + body


def test_the_request_asks_to_upgrade():
    head, body = upgrade().request.split(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    assert lines[0] == b"POST /v1.41/exec/abc/start HTTP/1.1"
    assert {b"Host: localhost", b"Connection: Upgrade", b"Upgrade: tcp"} <= set(lines)
    assert f"Content-Length: {len(body)}".encode() in lines
    assert body == b'{"Tty": false}'


@pytest.mark.parametrize("header", [SWITCH, OLD])
def test_what_comes_with_the_answer_is_kept(header):
    assert upgrade().receive(header + b"first") == b"first"


@pytest.mark.parametrize("header", [SWITCH, OLD])
def test_an_answer_that_comes_byte_by_byte_switches_at_its_last(header):
    exchange = upgrade()
    results = [exchange.receive(header[place : place + 1]) for place in range(len(header))]
    assert results == [None] * (len(header) - 1) + [b""]


@pytest.mark.parametrize(
    ("status", "error"),
    [
        ("404 Not Found", NotFound),
        ("409 Conflict", Conflict),
        ("400 Bad Request", Refused),
        ("403 Forbidden", Refused),
        ("501 Not Implemented", Refused),
        ("500 Internal Server Error", ServerFault),
        ("503 Service Unavailable", ServerFault),
    ],
)
@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_a_refusal_says_why_in_the_engines_words(status, error, framing):
    with pytest.raises(error) as caught:
        upgrade().receive(answer(status, b'{"message":"because"}', framing))
    assert (caught.value.operation, caught.value.detail) == ("exec_start", "because")


def test_a_refusal_without_a_length_ends_with_the_connection():
    exchange = upgrade()
    assert exchange.receive(answer("409 Conflict", b'{"message":"because"}', "none")) is None
    error = exchange.eof()
    assert isinstance(error, Conflict)
    assert error.detail == "because"


def test_a_plain_text_refusal_is_passed_on():
    with pytest.raises(NotFound, match="page not found"):
        upgrade().receive(answer("404 Not Found", b"page not found\n"))


def test_an_ordinary_answer_is_no_stream():
    with pytest.raises(ServerFault, match="status 200"):
        upgrade().receive(answer("200 OK", b"{}"))


@pytest.mark.parametrize("begin", [b"", b"HTTP/1.1 101 UPG", SWITCH[:-2]])
def test_a_connection_that_ends_before_its_answer_is_unavailable(begin):
    exchange = upgrade()
    if begin:
        assert exchange.receive(begin) is None
    assert isinstance(exchange.eof(), Unavailable)


def test_something_else_than_http_is_a_fault():
    with pytest.raises(ServerFault, match="not HTTP"):
        upgrade().receive(b"SSH-2.0-OpenSSH_9.2p1\r\n\r\n")
