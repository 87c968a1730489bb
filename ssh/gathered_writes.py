"""What one event of the loop has for a client goes out in one send."""

from __future__ import annotations

import asyncio
import contextlib
from typing import cast

import asyncssh

from ..engine.event_batch import event_batch

MOST_GATHERED = 256 * 1024
"""Bytes that are sent at once, whatever else the event brings: the program's next output may wait behind them."""


class GatheredWrites:
    """Sends a connection's packets when the event that caused them is dealt with.

    asyncssh has a send of its own for each packet of at most 32 KiB, and for the empty one (`SSH_MSG_IGNORE`) in front
    of each: the client is woken for either. Loop only; made before anything was sent.
    """

    def __init__(self, connection: asyncssh.SSHServerConnection) -> None:
        self._connection = connection
        # asyncssh forgets it, and has it aborted when the turn ends, behind the last packets.
        self._transport = cast(asyncio.Transport, connection._transport)
        self._packets: list[bytes] = []
        self._size = 0
        connection._send = self._send  # type: ignore[method-assign]  # there is no hook

    def _send(self, data: bytes) -> None:
        if self._connection._transport is None:
            return
        if not self._packets:
            event_batch.at_end(self._flush)
        self._packets.append(data)
        self._size += len(data)
        if self._size >= MOST_GATHERED:
            self._flush()

    def _flush(self) -> None:
        if not self._packets:
            return
        gathered = b"".join(self._packets)
        self._packets.clear()
        self._size = 0
        with contextlib.suppress(ConnectionError):
            self._transport.write(gathered)
