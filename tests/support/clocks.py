"""Event loops whose clock does not keep to the time of day: for what waits seconds in thousands of examples."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Mapping
from typing import Any


class _Selector(selectors.DefaultSelector):  # type: ignore[misc,valid-type]  # the class is chosen at run time
    """Waits as long as a loop with another clock wants to."""

    loop: HastyLoop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        events: list[tuple[selectors.SelectorKey, int]] = super().select(self.loop.real_wait(timeout))
        if not events and timeout:
            self.loop.waited(timeout)
        return events


class HastyLoop(asyncio.SelectorEventLoop):
    """A loop in which a second passes in a fraction of one, for whatever also waits for other threads."""

    def __init__(self, speed: float) -> None:
        selector = _Selector()
        selector.loop = self
        self._speed = speed
        self.complaints: list[Mapping[str, Any]] = []
        """What nobody caught."""
        super().__init__(selector)
        self.set_exception_handler(lambda loop, context: self.complaints.append(context))

    def time(self) -> float:
        return super().time() * self._speed

    def real_wait(self, timeout: float | None) -> float | None:
        """Return how long to wait in reality."""
        return timeout and timeout / self._speed

    def waited(self, timeout: float) -> None:
        """Nothing happened for so long, on this loop's clock."""


class PaperLoop(HastyLoop):
    """A loop in which time passes only while it has nothing to do, and then at once."""

    def __init__(self) -> None:
        self._now = 0.0
        super().__init__(1.0)

    def time(self) -> float:
        return self._now

    def real_wait(self, timeout: float | None) -> float | None:
        return timeout and 0.0

    def waited(self, timeout: float) -> None:
        self._now += timeout
