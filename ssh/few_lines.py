"""Refusals of strangers: all are counted, and some are logged."""

from __future__ import annotations

import time
from collections.abc import Callable

from ..actors.log import Log
from ..actors.refusals import Refused
from ..metrics.counters import Metrics

_MOST_A_SECOND = 20


class FewLines:
    """Logs at most 20 refusals a second, so that a flood of sockets is none of lines; a later line tells how many more
    there were. Loop only.
    """

    def __init__(self, log: Log, metrics: Metrics, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` gives seconds."""
        self._log = log
        self._metrics = metrics
        self._clock = clock
        self._second = 0
        self._lines = 0
        self._unlogged = 0

    def record(self, refused: Refused, source: str) -> None:
        """Count the refusal of a client at this address, and log it or not."""
        self._metrics.refused(refused.code)
        second = int(self._clock())
        if second != self._second:
            self._second, self._lines = second, 0
        self._lines += 1
        if self._lines > _MOST_A_SECOND:
            self._unlogged += 1
            return
        more = {"unlogged": self._unlogged} if self._unlogged else {}
        self._unlogged = 0
        self._log.info("connection_refused", client=source, code=refused.code, cause=refused.operator, **more)
