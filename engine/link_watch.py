"""Notices that an engine's machine vanished while bytes were on their way there.

The kernel's keepalive asks on idle connections only. What waits to be acknowledged it sends again for a quarter of an
hour. TCP_USER_TIMEOUT would shorten that, but also ends connections whose other side lives and does not read (tcp(7)):
a program that leaves its stdin alone for half a minute is no failure.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import struct
from collections.abc import Callable

from .address import VANISHED_SECONDS
from .tls_socket import TlsSocket

_CHECK_SECONDS = 5.0
_TCP_INFO_SIZE = 104
_PROBES_LOST = 3


class LinkWatch:
    """Calls `lost` once if what was sent on a TCP connection is not acknowledged for VANISHED_SECONDS. Loop only.

    `waiting` says whether something is still to be sent.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        sock: socket.socket | TlsSocket,
        waiting: Callable[[], bool],
        lost: Callable[[OSError], object],
    ) -> None:
        self._loop = loop
        self._sock = sock
        self._waiting = waiting
        self._lost = lost
        self._unanswered = False
        self._watched = sock.family in (socket.AF_INET, socket.AF_INET6)
        self._timer: asyncio.TimerHandle | None = None

    def sent(self) -> None:
        """Something was, or is about to be."""
        if self._watched and self._timer is None:
            self._timer = self._loop.call_later(_CHECK_SECONDS, self._check)

    def close(self) -> None:
        """Watch no more; before the socket is closed."""
        self._watched = False
        if self._timer:
            self._timer.cancel()

    def _check(self) -> None:
        self._timer = None
        before = self._unanswered
        self._unanswered, silent = answers(self._sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO_SIZE))
        # Twice: what was sent just now is not answered yet, however long the silence before it was.
        if before and self._unanswered and silent > VANISHED_SECONDS:
            self._lost(TimeoutError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT)))
        elif self._unanswered or self._waiting():
            self.sent()


def answers(info: bytes) -> tuple[bool, float]:
    """Read a `struct tcp_info` (tcp(7)): is anything unanswered, and for how many seconds was the other side silent?

    A closed window is asked for with probes; one that is on its way is no sign yet.
    """
    probes = info[3]
    unacknowledged = struct.unpack_from("=I", info, 8 + 4 * 4)[0]
    last_answer = struct.unpack_from("=I", info, 8 + 12 * 4)[0]
    return bool(unacknowledged) or probes >= _PROBES_LOST, last_answer / 1000
