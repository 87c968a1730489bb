"""A small HTTP/1.1 server (RFC 9112) for monitoring systems: GET and HEAD, one request per connection."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

import h11
import structlog

_log = structlog.get_logger(__name__)
_MAX_HEADER_BYTES = 16 * 1024
_READ_BYTES = 4096
PLAIN_TEXT = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Response:
    """What a route answers."""

    status: int
    body: bytes
    content_type: str = PLAIN_TEXT

    @classmethod
    def text(cls, status: int, line: str) -> Response:
        """One line of plain text; its end is added."""
        return cls(status, f"{line}\n".encode())


Route = Callable[[Mapping[str, str]], Awaitable[Response]]
"""Takes the request's headers (names in lower case), gives the answer. Runs in the loop."""


class HttpService:
    """Serves routes (a path without query → Route) on one address. Belongs to the loop that started it."""

    def __init__(self, host: str, port: int, routes: Mapping[str, Route], deadline: float = 10.0) -> None:
        """An empty host is every address; port 0 is a free one, see `port`.

        `deadline` is the seconds that a connection may take from its first byte to its last.
        """
        self._host, self._port = host, port
        self._routes = dict(routes)
        self._deadline = deadline
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    @property
    def port(self) -> int:
        """The port that is listened on, the configured one before `start`."""
        if self._server is None or not self._server.sockets:
            return self._port
        return int(self._server.sockets[0].getsockname()[1])

    async def start(self) -> None:
        """Listen. Raises OSError when the address is taken or not this machine's."""
        self._server = await asyncio.start_server(self._connected, self._host, self._port, limit=_MAX_HEADER_BYTES)

    async def stop(self) -> None:
        """Stop listening and drop the connections that are open. May be called twice, or without `start`."""
        if self._server is None:
            return
        server, self._server = self._server, None
        server.close()
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            async with asyncio.timeout(self._deadline):
                await self._serve(reader, writer)
        except (TimeoutError, OSError) as error:
            _log.debug("http_connection_dropped", reason=repr(error))
        except asyncio.CancelledError:
            # By `stop`, and nothing comes after it; asyncio would log a handler that ends as cancelled (3.11).
            _log.debug("http_connection_dropped", reason="stopping")
        finally:
            self._connections.discard(task)
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = h11.Connection(h11.SERVER, max_incomplete_event_size=_MAX_HEADER_BYTES)
        head_only = False
        try:
            request = await _read_request(connection, reader)
            if request is None:
                return
            head_only = request.method == b"HEAD"
            response = await self._respond(request)
        except h11.RemoteProtocolError as error:
            response = Response.text(error.error_status_hint, "bad request")
        writer.write(_encode(connection, response, head_only))
        writer.write_eof()
        # Closing with unread bytes resets the connection, and the client may lose the answer.
        while await reader.read(_READ_BYTES):
            pass

    async def _respond(self, request: h11.Request) -> Response:
        path = request.target.partition(b"?")[0].decode("latin-1")
        route = self._routes.get(path)
        if route is None:
            return Response.text(404, "not found")
        if request.method not in (b"GET", b"HEAD"):
            return Response.text(405, "only GET and HEAD")
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in request.headers}
        try:
            return await route(headers)
        except Exception:
            _log.exception("http_route_failed", path=path)
            return Response.text(500, "internal error")


async def _read_request(connection: h11.Connection, reader: asyncio.StreamReader) -> h11.Request | None:
    """The request's head, None if the client left before it was complete. A body is not read."""
    while True:
        event = connection.next_event()
        if isinstance(event, h11.Request):
            return event
        if event is not h11.NEED_DATA:
            return None
        connection.receive_data(await reader.read(_READ_BYTES))


def _encode(connection: h11.Connection, response: Response, head_only: bool) -> bytes:
    headers = [
        ("Content-Type", response.content_type),
        ("Content-Length", str(len(response.body))),
        ("Cache-Control", "no-store"),
        ("Connection", "close"),
    ]
    if response.status == 405:
        headers.append(("Allow", "GET, HEAD"))
    head = connection.send(h11.Response(status_code=response.status, headers=headers)) or b""
    return head if head_only else head + response.body
