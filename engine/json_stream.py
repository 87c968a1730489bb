"""Calls whose answer is an endless or long stream of JSON lines: events, pulls.

They have a connection of their own, because docker-py lets neither of them have a deadline.
"""

from __future__ import annotations

import contextlib
import json
import socket
import time
from collections.abc import Iterator, Mapping
from typing import Any

import h11

from .address import EngineAddress
from .errors import EngineError, ServerFault, TimedOut, Unavailable
from .translate import translate, translate_status

_READ_SIZE = 65_536
LONGEST_LINE = 1024 * 1024
"""Bytes of one line, or of an error's text, above which the engine is not listened to any more."""


class JsonStream:
    """An open call. Iterated by one thread; any other may `close` it."""

    def __init__(self, sock: socket.socket, operation: str, deadline: float, silence: float | None) -> None:
        self._sock = sock
        self._operation = operation
        self._deadline: float | None = deadline
        self._silence = silence
        self._http = h11.Connection(h11.CLIENT)
        self._iterating = False
        self._closed = False

    @classmethod
    def open(
        cls,
        address: EngineAddress,
        operation: str,
        method: str,
        target: str,
        *,
        timeout: float,
        silence: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> JsonStream:
        """Send the request and wait for the engine's status. Raises EngineError.

        `target` is the path with the API version and the query. `timeout` seconds are for everything, the
        whole stream too, until `lift_deadline`; `silence` seconds may pass without a word, if that is less.
        """
        deadline = time.monotonic() + timeout
        try:
            stream = cls(address.connect_blocking(min(timeout, silence or timeout)), operation, deadline, silence)
        except Exception as failure:
            raise translate(operation, failure) from failure
        try:
            stream._request(method, target, {"Host": address.host_header, **(headers or {})})
        except BaseException:
            stream.close()
            raise
        return stream

    def lift_deadline(self) -> None:
        """Let the stream go on for ever."""
        self._deadline = None

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Yield each line; end with the engine's stream or after `close`. Raises EngineError."""
        self._iterating = True
        try:
            yield from self._values()
        except EngineError:
            if not self._closed:
                raise
        finally:
            self._sock.close()

    def close(self) -> None:
        """End the iteration. Any thread, idempotent."""
        self._closed = True
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)
        if not self._iterating:
            # A number that another thread still reads from must stay ours: the iteration itself closes it.
            self._sock.close()

    def _request(self, method: str, target: str, headers: Mapping[str, str]) -> None:
        request = h11.Request(method=method, target=target, headers=[*headers.items(), ("Content-Length", "0")])
        data = (self._http.send(request) or b"") + (self._http.send(h11.EndOfMessage()) or b"")
        try:
            self._sock.sendall(data)
        except OSError as failure:
            raise translate(self._operation, failure) from failure
        response = self._next_event()
        while isinstance(response, h11.InformationalResponse):
            response = self._next_event()
        if not isinstance(response, h11.Response):
            raise Unavailable(self._operation, "the engine closed the connection before it answered")
        if response.status_code != 200:
            raise translate_status(self._operation, response.status_code, self._text())

    def _text(self) -> bytes:
        text = b""
        for chunk in self._chunks():
            text += chunk
            self._bound(len(text))
        return text

    def _bound(self, size: int) -> None:
        if size > LONGEST_LINE:
            raise ServerFault(self._operation, f"a line of more than {LONGEST_LINE} bytes")

    def _values(self) -> Iterator[dict[str, Any]]:
        rest = b""
        for chunk in self._chunks():
            *lines, rest = (rest + chunk).split(b"\n")
            self._bound(len(rest))
            for line in lines:
                if line.strip():
                    yield self._parse(line)
        if rest.strip():
            yield self._parse(rest)

    def _parse(self, line: bytes) -> dict[str, Any]:
        try:
            value = json.loads(line)
        except ValueError as failure:
            raise ServerFault(self._operation, f"not JSON: {line[:200]!r}") from failure
        if not isinstance(value, dict):
            raise ServerFault(self._operation, f"not a JSON object: {line[:200]!r}")
        return value

    def _chunks(self) -> Iterator[bytes]:
        while True:
            event = self._next_event()
            if isinstance(event, h11.Data):
                yield bytes(event.data)
            elif isinstance(event, h11.EndOfMessage | h11.ConnectionClosed):
                return

    def _next_event(self) -> object:
        ended = False
        try:
            while (event := self._http.next_event()) is h11.NEED_DATA:
                data = self._receive()
                ended = not data
                self._http.receive_data(data)
        except h11.RemoteProtocolError as failure:
            kind = Unavailable if ended else ServerFault
            raise kind(self._operation, str(failure)) from failure
        except OSError as failure:
            raise translate(self._operation, failure) from failure
        return event

    def _receive(self) -> bytes:
        left = None if self._deadline is None else self._deadline - time.monotonic()
        if left is not None and left <= 0:
            raise TimedOut(self._operation, "not over in time")
        idle = self._silence is not None and (left is None or self._silence < left)
        self._sock.settimeout(self._silence if idle else left)
        try:
            return self._sock.recv(_READ_SIZE)
        except TimeoutError:
            cause = f"nothing came for {self._silence:g} s" if idle else "not over in time"
            raise TimedOut(self._operation, cause) from None
