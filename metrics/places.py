"""The connections that an HTTP service has open, and which of them makes room for the next."""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from dataclasses import dataclass


@dataclass(eq=False, slots=True)
class Client:
    """An open connection."""

    socket: socket.socket
    address: str
    has_asked: bool = False
    """Whether its request is complete."""
    task: asyncio.Task[None] | None = None
    """What serves it, and closes the socket when it is cancelled."""


class Places:
    """At most so many clients, in the order of their arrival. Loop only."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._clients: dict[Client, None] = {}

    def add(self, client: Client) -> Client | None:
        """Take a client in; return the one that has to leave for it, if all places are taken.

        Of those who still write their request and those who were answered, the larger group gives one up, in it the
        address that has the most, of that address's the one that came first: nobody keeps the others out, neither by
        requests that never end nor by answers that are never read.
        """
        leaving = self._first_to_leave() if len(self._clients) >= self._most else None
        if leaving:
            del self._clients[leaving]
        self._clients[client] = None
        return leaving

    def discard(self, client: Client) -> None:
        """The client is gone. Idempotent."""
        self._clients.pop(client, None)

    def all(self) -> list[Client]:
        """Return those who have a place."""
        return list(self._clients)

    def _first_to_leave(self) -> Client:
        asked = [client for client in self._clients if client.has_asked]
        asking = [client for client in self._clients if not client.has_asked]
        group = max(asking, asked, key=len)
        [(address, _)] = Counter(client.address for client in group).most_common(1)
        return next(client for client in group if client.address == address)
