"""A log that a test can read."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

import structlog

from .memory import Memory


class Logbook:
    """`log` is for whoever logs. Every line is a dictionary with `event`, `level` and what was bound."""

    def __init__(self) -> None:
        self._lines = Memory()
        self.log = structlog.wrap_logger(
            None, processors=[self._keep], wrapper_class=structlog.make_filtering_bound_logger(0)
        )

    @property
    def lines(self) -> list[dict[str, Any]]:
        return self._lines.all

    def of(self, event: str) -> list[dict[str, Any]]:
        return [line for line in self.lines if line["event"] == event]

    def wait_for(self, event: str, number: int = 1) -> dict[str, Any]:
        """Return the `number`-th line of that event; it may still come."""
        line: dict[str, Any] = self._lines.wait(lambda line: line["event"] == event, number)
        return line

    def _keep(self, _: object, method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        self._lines.add({**line, "level": method})
        raise structlog.DropEvent
