"""What is connected to a fake engine, so that it can be cut off."""

from __future__ import annotations

import threading
from typing import Protocol


class Connection(Protocol):
    """A stream or a control input."""

    def lose(self) -> None:
        """Break, as if the engine had died. Any thread."""


class Connections:
    """The open connections. Any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: set[Connection] = set()

    def __len__(self) -> int:
        with self._lock:
            return len(self._open)

    def add(self, connection: Connection) -> None:
        with self._lock:
            self._open.add(connection)

    def discard(self, connection: Connection) -> None:
        with self._lock:
            self._open.discard(connection)

    def lose_all(self) -> None:
        with self._lock:
            lost = list(self._open)
        for connection in lost:
            connection.lose()
