"""The writing half of a program's stream: a bounded wish, never a blocked loop."""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from collections.abc import Callable, Sequence
from itertools import islice

from .event_batch import event_batch
from .pipes.wire import FifoWire
from .tls_socket import TlsSocket

Wire = socket.socket | TlsSocket
"""What carries a stream."""

MOST_FRESH = 256 * 1024
"""Bytes that wait for the end of the loop's turn."""
_PIECES_PER_SEND = 64


class StdinWriter:
    """Sends to a non-blocking socket, keeping what the socket does not take yet. Used in the loop's thread.

    What one event of the loop brings goes in one piece: many small sends would wake the program for each of them.
    When the other side stops reading, stdin is over but output may still be waiting in the socket; so a
    failing send only ends the writing. `pause` is called as soon as anything has to be kept, `resume` when all of it is
    sent: what comes between is bounded by whoever sends.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        sock: Wire | FifoWire,
        pause: Callable[[], None],
        resume: Callable[[], None],
    ) -> None:
        self._loop = loop
        self._sock = sock
        self._pause = pause
        self._resume = resume
        self._fresh: list[bytes] = []
        self._fresh_size = 0
        self._backlog: deque[memoryview] = deque()
        self._watched = False
        self._paused = False
        self._ending = False
        self._open = True
        self.used = False
        """Whether anything was ever written."""
        self.failure: OSError | None = None
        """Why the writing ended early, other than that nobody reads any more."""

    def write(self, data: bytes | memoryview) -> None:
        """Send when the event is dealt with, and keep what the socket does not take: a copy of what may change."""
        if self._ending or not self._open:
            return
        self.used = True
        if not self._fresh:
            event_batch.at_end(self._flush)
        self._fresh.append(bytes(data))
        self._fresh_size += len(data)
        if self._fresh_size > MOST_FRESH:
            self._flush()

    @property
    def waits(self) -> bool:
        """Whether the socket has not taken everything yet."""
        return bool(self._backlog)

    def write_eof(self) -> None:
        """Shut the sending side down behind the backlog."""
        if self._ending or not self._open:
            return
        self._flush()
        self._ending = True
        if self._open and not self._backlog:
            self._shut_down()

    def close(self) -> None:
        """Forget the backlog; the socket stays open."""
        self._open = False
        self._fresh.clear()
        self._backlog.clear()
        self._unwatch()

    def _flush(self) -> None:
        if not self._fresh:
            return
        data = b"".join(self._fresh)
        self._fresh.clear()
        self._fresh_size = 0
        sent = 0 if self._backlog else self._send([data])
        if self._open and sent < len(data):
            self._keep(memoryview(data)[sent:])

    def _keep(self, data: memoryview) -> None:
        if not self._backlog:
            self._watch()
        self._backlog.append(data)
        if not self._paused:
            self._paused = True
            self._pause()

    def _writable(self) -> None:
        if self._backlog:
            self._drop(self._send(list(islice(self._backlog, _PIECES_PER_SEND))))
        if self._open and not self._backlog:
            self._unwatch()
            if self._ending:
                self._shut_down()
        if self._paused and not self._backlog:
            self._paused = False
            self._resume()

    def _send(self, pieces: Sequence[bytes | memoryview]) -> int:
        try:
            return self._sock.sendmsg(pieces)
        except (BlockingIOError, InterruptedError):
            return 0
        except (BrokenPipeError, ConnectionResetError):
            self.close()
        except OSError as error:
            self.failure = error
            self.close()
        return 0

    def _drop(self, sent: int) -> None:
        while sent:
            piece = self._backlog.popleft()
            if sent < len(piece):
                self._backlog.appendleft(piece[sent:])
                return
            sent -= len(piece)

    def _shut_down(self) -> None:
        try:
            self._sock.shutdown(socket.SHUT_WR)
        except BlockingIOError:
            self._watch()
        except OSError:
            self.close()

    def _watch(self) -> None:
        self._watched = True
        self._loop.add_writer(self._sock, self._writable)

    def _unwatch(self) -> None:
        # A wire that was shut down may have no descriptor any more.
        if self._watched:
            self._watched = False
            self._loop.remove_writer(self._sock)
