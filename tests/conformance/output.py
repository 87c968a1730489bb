"""What a program writes, collected in other threads."""

from __future__ import annotations

import threading
from collections.abc import Callable

from conformance.driver import SECONDS


class Output:
    """One stream. `add` and `end` are for the thread that collects, the rest for the one that tests."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._read = 0
        self._ended = False
        self._changed = threading.Condition()

    def add(self, data: bytes) -> None:
        """More has come."""
        with self._changed:
            self._data += data
            self._changed.notify_all()

    def end(self) -> None:
        """Nothing more will come."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def collect(self, read: Callable[[int], bytes]) -> None:
        """Add what `read` returns until that is empty, in a thread of its own."""
        threading.Thread(target=self._collect, args=[read], daemon=True).start()

    def expect(self, text: bytes) -> bytes:
        """Wait for text behind what was read before; return what came in front of it."""
        with self._changed:
            self._wait(lambda: self._data.find(text, self._read) >= 0, f"{text!r}")
            found = self._data.find(text, self._read)
            before, self._read = bytes(self._data[self._read : found]), found + len(text)
            return before

    def read(self, size: int) -> bytes:
        """Wait for so many bytes behind what was read before."""
        with self._changed:
            end = self._read + size
            self._wait(lambda: len(self._data) >= end, f"{size} bytes")
            data, self._read = bytes(self._data[self._read : end]), end
            return data

    def whole(self) -> bytes:
        """Wait for the end; return everything."""
        with self._changed:
            self._wait(lambda: self._ended, "the end")
            return bytes(self._data)

    def _wait(self, condition: Callable[[], bool], what: str) -> None:
        self._changed.wait_for(lambda: condition() or self._ended, SECONDS)
        assert condition(), f"{what} does not come behind {bytes(self._data[max(0, self._read - 100) :])[:2000]!r}"

    def _collect(self, read: Callable[[int], bytes]) -> None:
        try:
            while data := read(65536):
                self.add(data)
        finally:
            self.end()
