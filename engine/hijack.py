"""The HTTP exchange that turns a connection to the engine into a raw stream, without I/O.

Docker API, "ContainerAttach", section Hijacking: the client asks to upgrade to `tcp`, the engine answers 101,
or 200 when it is old, and from the next byte on the connection belongs to the program.
"""

from __future__ import annotations

import json

import h11

from .errors import AccessDenied, Conflict, EngineError, NotFound, Refused, ServerFault, Unavailable
from .podman import error_class
from .reasons import WANTS_TLS

_DETAIL_LIMIT = 2_000
_SPOKE_PLAINLY = "Client sent an HTTP request to an HTTPS server"
"""What Go's server, thus every engine, answers on a port with TLS."""
_NO_SUCH_USER = ("unable to find user ", "unable to find group ")
"""Engines have a 400, a 409 or a 500 for it, when an exec is made, a container attached to or either started."""


def detach_keys(*, tty: bool) -> str:
    """Return the keys on which the engine lets go of a stream, as its API takes them. Nobody sends all of this.

    The engine holds the first of them back until the next byte comes: Docker on a tty, podman always. Its own
    default, Ctrl-P Ctrl-Q, would do that with Ctrl-P. On a tty it is NUL, whose effect nobody sees. Without one it is
    not: scp and others send a single NUL and wait for the answer.
    """
    keys = ["ctrl-@", "ctrl-^"] if tty else ["ctrl-^", "ctrl-@"]
    return ",".join(keys * 8)


class Upgrade:
    """One upgrade request and its answer. Not shared between threads.

    `target` is the request's path with its query, `body` JSON or empty, `host` the Host header, `operation`
    what errors are named by (`exec_start`).
    """

    def __init__(self, target: str, body: bytes, host: str, operation: str) -> None:
        self.operation = operation
        """What errors are named by."""
        self._connection = h11.Connection(h11.CLIENT)
        self._status = 0
        self._error_body = bytearray()
        self.request: bytes = self._build(target, body, host)
        """The bytes to send."""

    def receive(self, data: bytes | bytearray | memoryview) -> bytes | None:
        """Take what the engine sent. Return None while its answer is incomplete, then what follows it.

        After that, do not call again: further bytes belong to the stream. Raises NotFound, Conflict, Refused
        or ServerFault as the engine's status says.
        """
        self._connection.receive_data(bytes(data))
        return self._advance()

    def eof(self) -> EngineError:
        """The connection ended before the switch: return what to raise."""
        try:
            self._connection.receive_data(b"")
            self._advance()
        except EngineError as error:
            return error
        return Unavailable(self.operation, "the engine closed the connection before it answered")

    def _build(self, target: str, body: bytes, host: str) -> bytes:
        headers = [
            ("Host", host),
            ("Connection", "Upgrade"),
            ("Upgrade", "tcp"),
            ("Content-Type", "application/json"),
            ("Content-Length", str(len(body))),
        ]
        connection = self._connection
        request = connection.send(h11.Request(method="POST", target=target, headers=headers)) or b""
        payload = connection.send(h11.Data(data=body)) or b""
        return request + payload + (connection.send(h11.EndOfMessage()) or b"")

    def _advance(self) -> bytes | None:
        while True:
            try:
                event = self._connection.next_event()
            except h11.RemoteProtocolError as error:
                raise self._protocol_failure(error) from error
            if event is h11.NEED_DATA:
                return None
            if _switches(event):
                return self._connection.trailing_data[0]
            self._collect(event)

    def _collect(self, event: object) -> None:
        if isinstance(event, h11.Response):
            self._status = event.status_code
        elif isinstance(event, h11.Data):
            self._error_body += event.data
        elif isinstance(event, h11.EndOfMessage | h11.ConnectionClosed):
            raise refusal(self._status, self.operation, bytes(self._error_body))

    def _protocol_failure(self, error: h11.RemoteProtocolError) -> EngineError:
        if self._status:
            return refusal(self._status, self.operation, bytes(self._error_body))
        if self._connection.trailing_data[1]:
            return Unavailable(self.operation, "the engine closed the connection before it answered")
        return ServerFault(self.operation, f"the answer is not HTTP: {error}")


def refusal(status: int, operation: str, body: bytes) -> EngineError:
    """Return the error for an HTTP status of the engine; `body` is JSON with a `message`, or plain text."""
    answer = _parsed(body)
    detail = _message(answer) or f"status {status}"
    if any(words in detail for words in _NO_SUCH_USER):
        return Refused(operation, detail)
    known = error_class(answer)
    if known is not None:
        return known(operation, detail)
    if status == 400 and _SPOKE_PLAINLY in detail:
        return AccessDenied(operation, WANTS_TLS)
    if status == 404:
        return NotFound(operation, detail)
    if status == 409:
        return Conflict(operation, detail)
    if 400 <= status < 500 or status == 501:
        return Refused(operation, detail)
    return ServerFault(operation, detail if status >= 500 else f"unexpected answer, status {status}: {detail}")


def _switches(event: object) -> bool:
    if isinstance(event, h11.InformationalResponse):
        return event.status_code == 101
    if not isinstance(event, h11.Response) or event.status_code != 200:
        return False
    names = {name for name, _ in event.headers}
    return b"content-length" not in names and b"transfer-encoding" not in names


def _parsed(body: bytes) -> object:
    text = body.decode("utf-8", "replace").strip()
    try:
        return json.loads(text)
    except ValueError:
        return text


def _message(answer: object) -> str:
    message = answer.get("message") if isinstance(answer, dict) else None
    text = message if isinstance(message, str) else answer if isinstance(answer, str) else json.dumps(answer)
    return text[:_DETAIL_LIMIT]
