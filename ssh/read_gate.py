"""Reading no more from a client than can be dealt with: asyncssh reads on whatever it has to keep because of it."""

from __future__ import annotations

import asyncio
import time
from typing import cast

import asyncssh

from ..engine.event_batch import event_batch

MOST_UNSENT = 4 * 1024 * 1024
"""Bytes for the client above which it is not read from.

The output of its sessions stays far below, so that a client that sends all of its input before it reads is not stuck.
"""
MOST_WAITING = 1024 * 1024
"""Bytes of the client's packets above which it is not read from: several of the largest packets (RFC 4253 §6.1)."""
MOST_KEPT = 10_000
"""Answers that a client may have kept for it while keys are exchanged: it should not ask for any (RFC 4253 §7.1)."""
LONGEST_TURN = 0.02
"""Seconds that one client's packets may keep the loop, about."""
_SMALLEST_READ = 2048


class ReadGate:
    """Stops reading one client's socket while what it caused waits, as sshd's channels do. Loop only.

    What waits are answers to requests (nobody has to read them before he asks the next), and packets behind one whose
    handling takes time, as an embedding server's `begin_auth` may. Of a client whose packets keep the loop busy, small
    requests by the thousand, less is read at once: the others' turn comes in between.
    """

    def __init__(self, connection: asyncssh.SSHServerConnection) -> None:
        self._connection = connection
        self._transport = cast(asyncio.Transport, connection._transport)
        # The event loop's own; other loops may have no such thing.
        self._largest_read: int = getattr(self._transport, "max_size", 0)
        self._read = self._largest_read
        self._paused = False
        self._kept = 0
        self._receive = connection._recv_data
        connection._recv_data = self._received  # type: ignore[method-assign]  # there is no hook

    def look(self) -> None:
        """Stop reading or go on. To be called when the transport's buffer has drained."""
        if self._transport.is_closing():
            return
        unsent = self._transport.get_write_buffer_size()
        full = unsent > MOST_UNSENT or len(self._connection._inpbuf) > MOST_WAITING
        if full and not self._paused:
            self._paused = True
            self._transport.pause_reading()
        elif self._paused and not full:
            self._paused = False
            self._transport.resume_reading()

    def _received(self) -> None:
        kept, began = len(self._connection._deferred_packets), time.perf_counter()
        event_batch.deal(self._receive)
        self._pace(time.perf_counter() - began)
        self._count_kept(len(self._connection._deferred_packets) - kept)
        self.look()

    def _pace(self, seconds: float) -> None:
        if seconds > LONGEST_TURN:
            read = max(_SMALLEST_READ, self._read // 2)
        elif seconds < LONGEST_TURN / 4:
            read = min(self._largest_read, self._read * 2)
        else:
            return
        if self._largest_read and read != self._read:
            self._read = self._transport.max_size = read  # type: ignore[attr-defined]  # of selector transports

    def _count_kept(self, more: int) -> None:
        self._kept = max(0, self._kept + more)
        if self._kept > MOST_KEPT and self._connection._transport:
            error = asyncssh.ProtocolError("Too many requests during a key exchange")
            self._connection._send_disconnect(error.code, error.reason, error.lang)
            self._connection._force_close(error)
