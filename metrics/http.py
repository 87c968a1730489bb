"""A small HTTP/1.1 server (RFC 9112) for monitoring systems: GET and HEAD, one request per connection."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial

import h11
import structlog

from .places import Client, Places

_log = structlog.get_logger(__name__)
_MAX_HEADER_BYTES = 16 * 1024
_READ_BYTES = 4096
_MOST_BYTES_AFTER = 256 * 1024
"""So much of what a client sends with its request, or after it, is read to have the answer arrive."""
MOST_CLIENTS = 32
"""A monitoring system has one or two; each takes a descriptor that SSH's clients do not have then."""
_QUEUE = 128
_RETRY_SECONDS = 1.0
_TELL_EVERY_SECONDS = 10.0
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

    def __init__(
        self, host: str, port: int, routes: Mapping[str, Route], deadline: float = 10.0, most: int = MOST_CLIENTS
    ) -> None:
        """An empty host is every address; port 0 is a free one, see `port`.

        `deadline` is the seconds that a connection may take from its first byte to its last, whatever it sends.
        `most` connections are open at a time; for one more, one of them is closed.
        """
        self._host, self._port = host, port
        self._routes = dict(routes)
        self._deadline = deadline
        self._places = Places(most)
        self._most = most
        self._told_at = -_TELL_EVERY_SECONDS
        self._listening: list[socket.socket] = []
        self._doors: list[asyncio.Task[None]] = []

    @property
    def port(self) -> int:
        """The port that is listened on, the configured one before `start`."""
        return int(self._listening[0].getsockname()[1]) if self._listening else self._port

    async def start(self) -> None:
        """Listen. Raises OSError when the address is taken or not this machine's."""
        self._listening = await _listening_sockets(self._host, self._port)
        self._doors = [asyncio.create_task(self._admit(listening)) for listening in self._listening]

    async def stop(self) -> None:
        """Stop listening and drop the connections that are open. May be called twice, or without `start`."""
        doors, self._doors = self._doors, []
        await _cancel(doors)
        for listening in self._listening:
            listening.close()
        self._listening = []
        await _cancel([client.task for client in self._places.all() if client.task])

    async def _admit(self, listening: socket.socket) -> None:
        """Take clients in one by one: asyncio's own server takes a hundred before any of them can be counted."""
        loop = asyncio.get_running_loop()
        while True:
            try:
                sock, address = await loop.sock_accept(listening)
            except OSError as error:
                # The kernel would say at once that somebody still waits.
                loop.call_exception_handler(
                    {"message": "accepting a client failed", "exception": error, "socket": listening}
                )
                await asyncio.sleep(_RETRY_SECONDS)
                continue
            client = Client(sock, address[0])
            leaving = self._places.add(client)
            client.task = asyncio.create_task(self._serve(client))
            client.task.add_done_callback(partial(self._left, client))
            if leaving and leaving.task:
                self._tell_of_room_made()
                await _cancel([leaving.task])
            # Nothing above waits while clients queue and there is room.
            await asyncio.sleep(0)

    def _tell_of_room_made(self) -> None:
        now = asyncio.get_running_loop().time()
        if now - self._told_at >= _TELL_EVERY_SECONDS:
            self._told_at = now
            _log.warning("http_connections_full", port=self.port, limit=self._most)

    def _left(self, client: Client, task: asyncio.Task[None]) -> None:
        # Here and not in the task: one that is cancelled before its first step does nothing.
        self._places.discard(client)
        client.socket.close()
        if task.cancelled():
            _log.debug("http_connection_dropped", reason="cancelled")

    async def _serve(self, client: Client) -> None:
        try:
            async with asyncio.timeout(self._deadline):
                await self._answer(client)
        except (TimeoutError, OSError) as error:
            _log.debug("http_connection_dropped", reason=repr(error))

    async def _answer(self, client: Client) -> None:
        loop = asyncio.get_running_loop()
        connection = h11.Connection(h11.SERVER, max_incomplete_event_size=_MAX_HEADER_BYTES)
        head_only = False
        try:
            request = await _read_request(connection, client.socket)
            if request is None:
                return
            client.has_asked = True
            head_only = request.method == b"HEAD"
            response = await self._respond(request)
        except h11.RemoteProtocolError as error:
            client.has_asked = True
            response = Response.text(error.error_status_hint, "bad request")
        await loop.sock_sendall(client.socket, _encode(connection, response, head_only))
        client.socket.shutdown(socket.SHUT_WR)
        # Closing with unread bytes resets the connection, and the client may lose the answer.
        left = _MOST_BYTES_AFTER
        while left > 0 and (data := await loop.sock_recv(client.socket, _READ_BYTES)):
            left -= len(data)

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


async def _listening_sockets(host: str, port: int) -> list[socket.socket]:
    """Return sockets that listen on the address, of a name on all that it has. Raises OSError."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(asyncio.Protocol, host, port, start_serving=False)
    try:
        # Closed with the server are the loop's own.
        sockets = [socket.socket(fileno=os.dup(bound.fileno())) for bound in server.sockets]
    finally:
        server.close()
    for listening in sockets:
        listening.setblocking(False)
        listening.listen(_QUEUE)
    return sockets


async def _cancel(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _read_request(connection: h11.Connection, sock: socket.socket) -> h11.Request | None:
    """The request's head, None if the client left before it was complete. A body is not read."""
    loop = asyncio.get_running_loop()
    while True:
        event = connection.next_event()
        if isinstance(event, h11.Request):
            return event
        if event is not h11.NEED_DATA:
            return None
        connection.receive_data(await loop.sock_recv(sock, _READ_BYTES))


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
