"""The standard streams of a fake engine's programs: bounded, and shared with whoever holds their other end."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from threading import Condition

CAPACITY = 64 * 1024
"""Bytes that a pipe holds before its writer has to wait, as in the kernel."""

Chunk = tuple[bytes, bool]
"""Output and whether it is stderr."""


def _ignore() -> None:
    return


class InputPipe:
    """A program's stdin. The feeding side never blocks; whoever takes holds `changed`."""

    def __init__(self, changed: Condition) -> None:
        self._changed = changed
        self._data = bytearray()
        self._ended = False
        self.drained: Callable[[], None] = _ignore
        """Called, in the program's thread, whenever it has taken everything."""

    def feed(self, data: bytes | memoryview) -> bool:
        """Append; return whether the pipe is full, so that the feeder should wait until it is `drained`."""
        with self._changed:
            if not self._ended:
                self._data += data
                self._changed.notify_all()
            return len(self._data) > CAPACITY

    def end(self) -> None:
        """Nothing more comes. Idempotent."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def take(self, size: int) -> bytes | None:
        """Return up to `size` bytes, b"" at the end, None when there is nothing yet."""
        if not self._data:
            return b"" if self._ended else None
        data = bytes(self._data[:size])
        del self._data[:size]
        if not self._data:
            self.drained()
        return data

    def take_line(self) -> bytes | None:
        """Return a line with its newline, the rest at the end, None when there is no whole line yet."""
        end = self._data.find(b"\n") + 1
        if end or self._ended:
            return self.take(end or len(self._data))
        return None


class OutputPipe:
    """A program's stdout and stderr, in the order in which it wrote them."""

    def __init__(self, changed: Condition) -> None:
        self._changed = changed
        self._chunks: deque[Chunk] = deque()
        self._size = 0
        self._discarding = False
        self.ended = False
        self.grown: Callable[[], None] = _ignore
        """Called, in the program's thread, when there is more to take or the end was reached."""

    @property
    def full(self) -> bool:
        return self._size >= CAPACITY

    def put(self, data: bytes, *, stderr: bool) -> None:
        """Append, whether full or not."""
        with self._changed:
            if self._discarding:
                return
            self._chunks.append((data, stderr))
            self._size += len(data)
        self.grown()

    def take(self) -> list[Chunk]:
        """Return all there is and let the program go on writing."""
        with self._changed:
            chunks = list(self._chunks)
            self._chunks.clear()
            self._size = 0
            self._changed.notify_all()
        return chunks

    def end(self) -> None:
        """The program has ended."""
        self.ended = True
        self.grown()

    def drain(self, seconds: float) -> None:
        """Wait until everything is taken, so long; what is left then is lost."""
        with self._changed:
            self._changed.wait_for(lambda: not self._chunks, seconds)
            self.take()

    def discard(self) -> None:
        """Nobody listens any more: what is written is lost. Idempotent."""
        with self._changed:
            self._discarding = True
            self.grown = _ignore
            self.take()
