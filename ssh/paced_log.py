"""A log of one connection that its client cannot fill, whatever it repeats."""

from __future__ import annotations

import time
from typing import Any

from ..actors.log import Log

AT_ONCE = 10
"""Lines of one event that are written as they come."""
PAUSE = 60.0
"""Seconds after which a further one is."""


class PacedLog:
    """Stands for the log that it wraps, with whatever is bound to it. Loop only.

    What is left out is counted: the next line of its event, or the last one when the connection ends, has the number.
    """

    def __init__(self, log: Log, events: dict[str, _Event] | None = None) -> None:
        self._log = log
        self._events: dict[str, _Event] = {} if events is None else events

    def bind(self, **values: Any) -> PacedLog:
        return PacedLog(self._log.bind(**values), self._events)

    def debug(self, event: str, **values: Any) -> None:
        self._write("debug", event, values)

    def info(self, event: str, **values: Any) -> None:
        self._write("info", event, values)

    def warning(self, event: str, **values: Any) -> None:
        self._write("warning", event, values)

    def error(self, event: str, **values: Any) -> None:
        self._write("error", event, values)

    def close(self) -> None:
        """Say how many lines were left out and not told yet."""
        for name, event in self._events.items():
            if event.left_out:
                getattr(self._log, event.level)(name, left_out=event.left_out)
                event.left_out = 0

    def _write(self, level: str, name: str, values: dict[str, Any]) -> None:
        event = self._events.setdefault(name, _Event())
        event.level = level
        if not event.may_be_written():
            event.left_out += 1
            return
        if event.left_out:
            values["left_out"] = event.left_out
            event.left_out = 0
        getattr(self._log, level)(name, **values)


class _Event:
    """How often one event was written, and how often not."""

    def __init__(self) -> None:
        self.level = "info"
        self.left_out = 0
        self._written = 0
        self._last = 0.0

    def may_be_written(self) -> bool:
        now = time.monotonic()
        if self._written >= AT_ONCE and now - self._last < PAUSE:
            return False
        self._written += 1
        self._last = now
        return True
