"""A list that several threads fill and a test waits on."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")

SECONDS = 10.0


class Memory:
    """Everything that was added, in order. Any thread."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._items: list[Any] = []

    def add(self, item: object) -> None:
        with self._changed:
            self._items.append(item)
            self._changed.notify_all()

    @property
    def all(self) -> list[Any]:
        with self._changed:
            return list(self._items)

    def of(self, kind: type[T]) -> list[T]:
        """Return the items of that class."""
        return [item for item in self.all if isinstance(item, kind)]

    def wait_for(self, kind: type[T], number: int = 1) -> T:
        """Return the item of that class that came as the `number`-th; it may still come."""
        return self.wait(lambda item: isinstance(item, kind), number)

    def wait(self, matches: Callable[[Any], bool], number: int = 1) -> Any:
        """Return the item that was the `number`-th to match; it may still come."""
        with self._changed:
            found = self._changed.wait_for(lambda: len(self._matching(matches)) >= number, SECONDS)
            assert found, f"got only {self._items}"
            return self._matching(matches)[number - 1]

    def _matching(self, matches: Callable[[Any], bool]) -> list[Any]:
        return [item for item in self._items if matches(item)]
