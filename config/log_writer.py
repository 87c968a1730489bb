"""The one thread that writes the log: whoever logs never waits for a full disk or for a reader that does not read."""

from __future__ import annotations

import logging
import os
import select
import threading
from collections import deque
from collections.abc import Callable
from typing import TextIO

CAPACITY_BYTES = 4 * 1024 * 1024
"""How much may wait to be written; what comes when it is full is lost, and counted."""
FLUSH_SECONDS = 1.0
"""How long a process that ends waits for its last lines, and then for the thread that writes them."""
LOST = "log_lines_lost"

_OVERHEAD = 200


class LogWriter(logging.Handler):
    """Formats in the thread that logs, writes in its own, in the same order.

    Lines that found no room or could not be written are missing; `on_loss` is called for each, in any thread, and
    a line in their place says how many once writing works again. The formatter has to show a record's attribute
    `lines` (structlog's ExtraAdder). Any thread may log, before a loop runs too.
    """

    def __init__(self, stream: TextIO, capacity: int = CAPACITY_BYTES) -> None:
        super().__init__()
        self.stream = stream
        self.on_loss: Callable[[], object] = lambda: None
        self._output = _output_to(stream)
        self._waiting = _Waiting(capacity)
        self._unsaid = 0
        self._torn = False
        self._thread = threading.Thread(target=self._run, name="sshore-log", daemon=True)
        self._thread.start()

    def emit(self, record: logging.LogRecord) -> None:
        """Called by `logging`. Does not block."""
        try:
            line = self._line(record)
        except Exception:  # as every handler: a log that cannot be written ends nothing
            self.handleError(record)
            return
        if not self._waiting.put(line):
            self.on_loss()

    def flush(self) -> None:
        """Wait until everything is written that was logged by now, at most FLUSH_SECONDS."""
        self._waiting.wait_until_written(FLUSH_SECONDS)

    def close(self) -> None:
        """Write what waits and end the thread; one that cannot write is left to the process's end. Idempotent."""
        self._waiting.close()
        if threading.current_thread() is not self._thread:
            self._thread.join(FLUSH_SECONDS)
        super().close()

    def _line(self, record: logging.LogRecord) -> bytes:
        return f"{self.format(record)}\n".encode("utf-8", "backslashreplace")

    def _run(self) -> None:
        while (next_one := self._waiting.get()) is not None:
            lost, line = next_one
            self._unsaid += lost
            if self._unsaid and self._write(self._notice(self._unsaid)):
                self._unsaid = 0
            if line and not self._write(line):
                self._unsaid += 1
                self.on_loss()
            self._waiting.written()

    def _notice(self, number: int) -> bytes:
        fields = {"name": "sshore", "levelno": logging.ERROR, "levelname": "ERROR", "msg": LOST, "lines": number}
        return self._line(logging.makeLogRecord(fields))

    def _write(self, line: bytes) -> bool:
        # A line that a full disk cut short is ended before the next begins.
        left = memoryview(b"\n" + line if self._torn else line)
        whole = len(left)
        try:
            while left:
                left = left[self._output(left) :]
        except (OSError, ValueError):
            self._torn = self._torn or len(left) < whole
            return False
        self._torn = False
        return True


class _Waiting:
    """Lines that wait, and between them how many were lost. Any thread.

    The lock is a reentrant one: an object that is collected while a thread holds it may log.
    """

    def __init__(self, capacity: int) -> None:
        self._changed = threading.Condition()
        self._lines: deque[tuple[int, bytes]] = deque()
        self._room = capacity
        self._lost = 0
        self._taken = 0
        self._closed = False

    def put(self, line: bytes) -> bool:
        """Return whether there was room."""
        with self._changed:
            fits = not self._closed and len(line) + _OVERHEAD <= self._room
            if fits:
                self._room -= len(line) + _OVERHEAD
                self._lines.append((self._lost, line))
                self._lost = 0
            else:
                self._lost += 1
            self._changed.notify_all()
            return fits

    def get(self) -> tuple[int, bytes] | None:
        """Wait for what is next: how many were lost before it, and the line, empty if none came since; None: closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._lines or self._lost or self._closed)
            if self._lines:
                lost, line = self._lines.popleft()
                self._taken = len(line) + _OVERHEAD
                return lost, line
            if self._closed:
                return None
            lost, self._lost = self._lost, 0
            return lost, b""

    def written(self) -> None:
        """What `get` returned is done with."""
        with self._changed:
            self._room += self._taken
            self._taken = 0
            self._changed.notify_all()

    def wait_until_written(self, seconds: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: not self._lines and not self._taken, seconds)

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()


def _output_to(stream: TextIO) -> Callable[[memoryview], int]:
    """Return what writes some bytes and says how many.

    Past the stream's own buffers where it is a file: a thread that hangs in one of these when Python ends aborts it.
    """
    try:
        descriptor = stream.fileno()
    except (OSError, ValueError, AttributeError):
        return lambda data: _write_text(stream, data)
    return lambda data: _write_file(descriptor, data)


def _write_text(stream: TextIO, data: memoryview) -> int:
    stream.write(str(data, "utf-8"))
    stream.flush()
    return len(data)


def _write_file(descriptor: int, data: memoryview) -> int:
    while True:
        try:
            return os.write(descriptor, data)
        except BlockingIOError:
            # Whoever shares the terminal or pipe may have made it non-blocking.
            select.select([], [descriptor], [])
