"""Event loops with another idea of time: for what waits seconds, in hundreds of examples."""

from __future__ import annotations

import asyncio
import contextvars
import selectors
from collections.abc import Callable, Mapping
from typing import Any


class HastyLoop(asyncio.SelectorEventLoop):
    """A loop whose timers (`call_later`) go off so many times too soon. Its clock is right."""

    def __init__(self, speed: float) -> None:
        super().__init__()
        self._speed = speed

    def call_later(
        self, delay: float, callback: Callable[..., object], *args: Any, context: contextvars.Context | None = None
    ) -> asyncio.TimerHandle:
        return super().call_later(delay / self._speed, callback, *args, context=context)


class PaperLoop(asyncio.SelectorEventLoop):
    """A loop that never waits: while it has nothing to do, its clock jumps to its next timer."""

    def __init__(self) -> None:
        self._now = 0.0
        super().__init__(_ImpatientSelector(self._pass_time))

    def time(self) -> float:
        return self._now

    def _pass_time(self, seconds: float) -> None:
        self._now += seconds


class _ImpatientSelector(selectors.DefaultSelector):  # type: ignore[misc,valid-type]  # the class is chosen at run time
    def __init__(self, pass_time: Callable[[float], None]) -> None:
        super().__init__()
        self._pass_time = pass_time

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if not timeout:
            # Nothing is due ever, or something now.
            return super().select(timeout)
        events: list[tuple[selectors.SelectorKey, int]] = super().select(0)
        if not events:
            self._pass_time(timeout)
        return events


def complaints_of(loop: asyncio.AbstractEventLoop) -> list[Mapping[str, Any]]:
    """Return the list that what nobody catches in the loop is added to from now on."""
    complaints: list[Mapping[str, Any]] = []
    loop.set_exception_handler(lambda _, context: complaints.append(context))
    return complaints
