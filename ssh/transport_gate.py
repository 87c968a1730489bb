"""Flow control of the whole connection: asyncssh bounds channels, but not the transport below them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import asyncssh

from ..actors.log import Log
from ..metrics.counters import Metrics


class Filler(Protocol):
    """A session that writes to the connection's transport."""

    def transport_filled(self) -> None: ...

    def transport_drained(self) -> None: ...

    def tell(self, sentence: str) -> None: ...


class TransportGate:
    """Tells a connection's sessions when its transport's buffer is full.

    asyncssh ignores the transport's `pause_writing` (a client may grant a window of 2 GiB and stop reading), so the
    gate listens in its place: asyncio's protocol interface, installed on this one connection. Loop only.
    """

    def __init__(self, connection: asyncssh.SSHServerConnection, log: Log, metrics: Metrics) -> None:
        self.log = log
        self.metrics = metrics
        self.full = False
        self.on_empty: Callable[[], None] = lambda: None
        """Called when the last session has left."""
        self._fillers: set[Filler] = set()
        connection.pause_writing = self._pause  # type: ignore[method-assign]  # see the class's docstring
        connection.resume_writing = self._resume  # type: ignore[method-assign]  # see the class's docstring

    def join(self, filler: Filler) -> None:
        """From now on `filler` is told; at once if the transport is full."""
        self._fillers.add(filler)
        if self.full:
            filler.transport_filled()

    @property
    def empty(self) -> bool:
        """Whether no session is open."""
        return not self._fillers

    def leave(self, filler: Filler) -> None:
        """`filler` is told nothing more. Idempotent."""
        self._fillers.discard(filler)
        if not self._fillers:
            self.on_empty()

    def tell(self, sentence: str) -> None:
        """Pass a sentence on to the user of every session."""
        for filler in list(self._fillers):
            filler.tell(sentence)

    def _pause(self) -> None:
        self.full = True
        for filler in list(self._fillers):
            filler.transport_filled()

    def _resume(self) -> None:
        self.full = False
        for filler in list(self._fillers):
            filler.transport_drained()
