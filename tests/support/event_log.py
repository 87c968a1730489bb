"""Collects what an engine's event stream says."""

from __future__ import annotations

import threading
from typing import TypeVar

from sshore.engine.interface import Engine
from sshore.engine.types import EngineEvent

T = TypeVar("T", bound=EngineEvent)


class EventLog:
    """Subscribes at once and reads in a thread of its own until closed."""

    def __init__(self, engine: Engine, labels: dict[str, str]) -> None:
        self._subscription = engine.events(labels, timeout=5)
        self._changed = threading.Condition()
        self.seen: list[tuple[str, EngineEvent]] = []
        self.failure: Exception | None = None
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def wait_for(self, about: str, kind: type[T], seconds: float = 10) -> T:
        """Return the first event of that kind about that id."""
        with self._changed:
            assert self._changed.wait_for(lambda: self._find(about, kind), seconds), self.seen
            found = self._find(about, kind)
            assert found is not None
            return found

    def close(self) -> None:
        self._subscription.close()
        self._thread.join(5)
        assert not self._thread.is_alive()

    def _find(self, about: str, kind: type[T]) -> T | None:
        return next((event for id_, event in self.seen if id_ == about and isinstance(event, kind)), None)

    def _read(self) -> None:
        try:
            for message in self._subscription:
                with self._changed:
                    self.seen.append(message)
                    self._changed.notify_all()
        except Exception as failure:
            self.failure = failure
