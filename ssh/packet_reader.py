"""What a client sent, given to asyncssh packet by packet for as long as it is the connection's turn."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any, cast

import asyncssh

from .charged import Charged
from .turns import Share
from .work_time import work_time

MOST_UNSENT = 4 * 1024 * 1024
"""Bytes for the client above which it is not read from.

The output of its sessions stays far below, so that a client that sends all of its input before it reads is not stuck.
"""
MOST_WAITING = 1024 * 1024
"""Bytes of the client's packets above which it is not read from: several of the largest packets (RFC 4253 §6.1)."""
MOST_KEPT = 10_000
"""Answers that a client may have kept for it while keys are exchanged: it should not ask for any (RFC 4253 §7.1)."""
MOST_TASKS = 8
"""Tasks that asyncssh may start for one slice's packets; they run in the next turn, and are charged then."""
STRANGERS_WAITING = 64 * 1024
"""The same of one that has not logged in."""
STRANGERS_PACKET = 35_000
"""Bytes of its packets: as many as everybody has to take (RFC 4253 §6.1). Names by the ten thousand fit into more."""
_STRANGERS_READ = 16 * 1024
"""Bytes of one read of a client that has not logged in: more than a login takes."""
_LITTLE = 16 * 1024
"""Bytes of a slice's packets that make it one of many small ones; of large ones it handles a hundred thousand."""
_PIECE = 2048
"""Bytes that asyncssh is given at once: it copies what is left with every packet that it takes off the front."""


class PacketReader:
    """Stands between one client's socket and asyncssh. Loop only.

    Nobody is read from while what came before waits: for the connection's turn, for the client to take its answers
    (nobody has to read them before asking the next), or behind a packet whose handling takes time, as an embedding
    server's `begin_auth` may.
    """

    def __init__(self, connection: asyncssh.SSHServerConnection, share: Share) -> None:
        self._connection = connection
        self._share = share
        self._transport = cast(asyncio.Transport, connection._transport)
        # The event loop's own; other loops may have no such thing.
        self._largest_read: int = getattr(self._transport, "max_size", 0)
        self._read_at_most(_STRANGERS_READ)
        self._most_waiting = STRANGERS_WAITING
        self._largest_packet = connection._max_recv_pktlen
        connection._max_recv_pktlen = STRANGERS_PACKET
        self._waiting = bytearray()
        self._paused = False
        self._kept = 0
        self._tasks = 0
        self._finish = connection._finish_recv_packet
        self._create_task = connection.create_task
        self._job = self._work
        connection.data_received = self._received  # type: ignore[method-assign]  # asyncio's protocol interface
        connection._recv_data = self._go_on  # type: ignore[method-assign]  # there is no hook
        connection._finish_recv_packet = self._finished  # type: ignore[method-assign]  # there is no hook
        connection.create_task = self._task_created  # type: ignore[method-assign]  # there is no hook

    def log_in(self) -> None:
        """Read as much at once as the loop does otherwise."""
        self._read_at_most(self._largest_read)
        self._most_waiting = MOST_WAITING
        self._connection._max_recv_pktlen = max(self._connection._max_recv_pktlen, self._largest_packet)

    def look(self) -> None:
        """Stop reading or go on. To be called when the transport's buffer has drained."""
        if self._transport.is_closing():
            return
        unsent = self._transport.get_write_buffer_size()
        # Only what looks here again when its turn has come: the connection may wait for its output alone.
        full = self._share.waits_for(self._job) or unsent > MOST_UNSENT or len(self._waiting) > self._most_waiting
        if full and not self._paused:
            self._paused = True
            self._transport.pause_reading()
        elif self._paused and not full:
            self._paused = False
            self._transport.resume_reading()

    def _received(self, data: bytes, datatype: int | None = None) -> None:
        self._waiting += data
        if self._paused:
            # The asyncio of Debian 12 (Python 3.11.2) reads on where it was told not to before it had begun.
            self._transport.resume_reading()
            self._transport.pause_reading()
        self._connection._reset_keepalive_timer()
        self._go_on()

    def _go_on(self) -> None:
        self._share.ask(self._job)
        self.look()

    def _finished(self, *packet: Any, **more: Any) -> None:
        self._finish(*packet, **more)
        if more.get("is_async"):
            self._go_on()

    def _work(self, until: float) -> bool:
        kept, self._tasks = len(self._connection._deferred_packets), 0
        waiting = len(self._waiting)
        try:
            more = self._handle_packets(until)
        except asyncssh.DisconnectError as error:
            self._disconnect(error)
            more = False
        except Exception:
            self._connection.internal_error()
            more = False
        self._count_kept(len(self._connection._deferred_packets) - kept)
        if not more:
            self.look()
        elif waiting - len(self._waiting) < _LITTLE:
            self._share.rest()
        return more

    def _handle_packets(self, until: float) -> bool:
        """Do what asyncssh's `_recv_data` does, for so long; return whether there is more to do."""
        connection = self._connection
        while connection._transport and (connection._inpbuf or self._hand_over()):
            if not connection._recv_handler():
                if not self._hand_over():
                    return False
            elif work_time() >= until or self._tasks >= MOST_TASKS:
                return bool(connection._inpbuf or self._waiting)
        return False

    def _hand_over(self) -> bool:
        """Give asyncssh more, if it wants more and there is enough to go on with."""
        connection, handler = self._connection, self._connection._recv_handler
        if handler == connection._recv_packet:
            size = 4 + connection._pktlen + connection._recv_macsize - connection._recv_blocksize
            least = max(1, size - len(connection._inpbuf))
        elif handler in (connection._recv_pkthdr, connection._recv_version):
            least = 1
        else:
            return False  # it waits for the end of a packet's handling
        if len(self._waiting) < least:
            return False
        size = max(least, _PIECE)
        with memoryview(self._waiting) as waiting:
            connection._inpbuf += bytes(waiting[:size])
        del self._waiting[:size]
        return True

    def _task_created(self, coro: Awaitable[None], task_logger: Any = None) -> asyncio.Task[None]:
        self._tasks += 1
        return self._create_task(Charged.of(coro, self._share.charge), task_logger)

    def _count_kept(self, more: int) -> None:
        self._kept = max(0, self._kept + more)
        if self._kept > MOST_KEPT and self._connection._transport:
            self._disconnect(asyncssh.ProtocolError("Too many requests during a key exchange"))

    def _disconnect(self, error: asyncssh.DisconnectError) -> None:
        self._connection._send_disconnect(error.code, error.reason, error.lang)
        self._connection._force_close(error)

    def _read_at_most(self, size: int) -> None:
        if self._largest_read:
            self._transport.max_size = min(size, self._largest_read)  # type: ignore[attr-defined]  # of selector transports
