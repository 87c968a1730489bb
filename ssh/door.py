"""A listening socket, and how many clients come in through it at a time."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable

from ..config.listen import host_and_port
from .strict_modes import EXHAUSTED

_AT_ONCE = 8
"""Sockets that are accepted in one turn of the loop; who is there already goes on in between."""
_QUEUE = 4096
"""So many wait in the kernel: a client whose SYN finds the queue full tries again after a second."""
_RETRY_SECONDS = 1.0

Accepted = Callable[[socket.socket, object], None]


class Door:
    """Accepts clients from one listening socket until it is closed. Loop only."""

    def __init__(self, listening: socket.socket, accepted: Accepted) -> None:
        """`accepted` is called with each socket and its client's address. Closes `listening` in the end."""
        self.socket = listening
        self._accepted = accepted
        self._loop = asyncio.get_running_loop()
        self._retry: asyncio.TimerHandle | None = None
        listening.setblocking(False)
        listening.listen(_QUEUE)
        self._loop.add_reader(listening, self._accept)

    @property
    def port(self) -> int:
        """The TCP port."""
        return int(self.socket.getsockname()[1])

    @property
    def address(self) -> str:
        """Where it listens, as `HOST:PORT`."""
        return host_and_port(*self.socket.getsockname()[:2])

    def close(self) -> None:
        """Accept nobody any more. Idempotent."""
        if self._retry:
            self._retry.cancel()
        if self.socket.fileno() >= 0:
            self._loop.remove_reader(self.socket)
            self.socket.close()

    def _accept(self) -> None:
        for _ in range(_AT_ONCE):
            try:
                sock, address = self.socket.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno not in EXHAUSTED:
                    raise
                self._pause(error)
                return
            sock.setblocking(False)
            self._accepted(sock, address)

    def _pause(self, error: OSError) -> None:
        """The kernel would say in every turn that somebody waits."""
        message = "no resources to accept a client with"
        self._loop.call_exception_handler({"message": message, "exception": error, "socket": self.socket})
        self._loop.remove_reader(self.socket)
        self._retry = self._loop.call_later(_RETRY_SECONDS, self._loop.add_reader, self.socket, self._accept)


async def bound_sockets(host: str, port: int) -> list[socket.socket]:
    """Return sockets bound to the address, of a name to all that it has; they do not listen yet. Raises OSError."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(asyncio.Protocol, host, port, start_serving=False)
    try:
        # Closed with the server are the loop's own.
        return [socket.socket(fileno=os.dup(bound.fileno())) for bound in server.sockets]
    finally:
        server.close()
