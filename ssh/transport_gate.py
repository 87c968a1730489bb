"""Flow control of the whole connection: asyncssh bounds channels, but not the transport below them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import asyncssh

from ..actors.log import Log
from ..metrics.counters import Metrics
from .packet_reader import PacketReader
from .turns import new_share


class Filler(Protocol):
    """A session that writes to the connection's transport."""

    def transport_filled(self) -> None: ...

    def transport_drained(self) -> None: ...

    def tell(self, sentence: str) -> None: ...


class TransportGate:
    """Tells a connection's sessions when nothing more may be sent for now: it would be kept in memory.

    asyncssh ignores the transport's `pause_writing` (a client may grant a window of 2 GiB and stop reading), so the
    gate listens in its place: asyncio's protocol interface, installed on this one connection. And while keys are
    exchanged asyncssh keeps what sessions send, however long the client takes for its part (RFC 4253 §7.1, §9).
    Loop only.
    """

    def __init__(self, connection: asyncssh.SSHServerConnection, log: Log, metrics: Metrics) -> None:
        self.log = log
        self.metrics = metrics
        self.full = False
        self.on_empty: Callable[[], None] = lambda: None
        """Called when the last session has left."""
        self._connection = connection
        self._transport_full = False
        self.share = new_share()
        self._reading = PacketReader(connection, self.share)
        self._fillers: set[Filler] = set()
        self._begin_exchange = connection._send_kexinit
        self._send_kept = connection._send_deferred_packets
        connection.pause_writing = self._pause  # type: ignore[method-assign]  # see the class's docstring
        connection.resume_writing = self._resume  # type: ignore[method-assign]  # see the class's docstring
        connection._send_kexinit = self._exchange_begins  # type: ignore[method-assign]  # there is no hook
        connection._send_deferred_packets = self._exchange_over  # type: ignore[method-assign]  # there is no hook

    def log_in(self) -> None:
        """The client has logged in: it is no stranger any more."""
        self.share.log_in()
        self._reading.log_in()

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
        self._transport_full = True
        self._changed()

    def _resume(self) -> None:
        self._transport_full = False
        self._reading.look()
        self._changed()

    def _exchange_begins(self) -> None:
        self._begin_exchange()
        self._changed()

    def _exchange_over(self) -> None:
        self._send_kept()
        self._changed()

    def _changed(self) -> None:
        full = self._transport_full or not self._connection._kex_complete
        if full == self.full:
            return
        self.full = full
        for filler in list(self._fillers):
            if full:
                filler.transport_filled()
            else:
                filler.transport_drained()
