"""From an accepted socket to an SSH connection, in turns."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable

import asyncssh

from .served_connection import ServedConnection
from .visitor import Visitor

MakeOwner = Callable[[Visitor], asyncssh.SSHServer]


class Reception:
    """Makes connections for clients that have said their version, one in each turn of the loop. Loop only.

    A connection costs a hundred times what a socket does, and whoever speaks may go on by now: the clients that are
    there come first. Addresses take turns; of one address the newest comes first, as those before it are the first to
    be sent away where there are too many.
    """

    def __init__(self, make_owner: MakeOwner) -> None:
        """`make_owner` returns the server of a visitor's connection."""
        self._make_owner = make_owner
        self._loop = asyncio.get_running_loop()
        # Sources in the order of their turns.
        self._waiting: dict[str, list[Visitor]] = {}
        self._connecting: set[asyncio.Task[None]] = set()
        self._next: asyncio.Handle | None = None

    def queue(self, visitor: Visitor) -> None:
        """The visitor has said its version: it gets a connection, at once or in a later turn."""
        self._waiting.setdefault(visitor.source, []).append(visitor)
        if self._next is None:
            self._serve_one()

    def _serve_one(self) -> None:
        self._next = None
        visitor = self._take()
        if visitor is None:
            return
        # At once: in the task's turn it may have been sent away.
        task = self._loop.create_task(self._connect(visitor, visitor.hand_on()))
        self._connecting.add(task)
        task.add_done_callback(self._connecting.discard)
        self._next = self._loop.call_soon(self._serve_one)

    def _take(self) -> Visitor | None:
        while self._waiting:
            source = next(iter(self._waiting))
            visitors = self._waiting.pop(source)
            visitor = visitors.pop()
            # What is closed below is found now; its address's turn is not lost by it.
            while not visitor.is_open and visitors:
                visitor = visitors.pop()
            if visitors:
                self._waiting[source] = visitors
            if visitor.is_open:
                return visitor
        return None

    async def _connect(self, visitor: Visitor, sock: socket.socket) -> None:
        options = visitor.settings.options

        def connection() -> ServedConnection:
            return ServedConnection(options, lambda: self._make_owner(visitor), visitor.said)

        try:
            await self._loop.connect_accepted_socket(connection, sock)
        except OSError:
            # It has gone.
            visitor.abandon()
            with contextlib.suppress(OSError):
                sock.close()
