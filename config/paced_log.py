"""A log of one connection that its client cannot fill, whatever it repeats."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from structlog.typing import FilteringBoundLogger


@dataclass(frozen=True, slots=True)
class Allowance:
    """Lines of one event: `at_once` as they come, then one every `pause` seconds."""

    at_once: int
    pause: float


ANY = Allowance(10, 60.0)
PROGRAMS = Allowance(100, 1 / 3)
"""A program costs its client an exec or a container, and who runs ten thousand an hour has every one of them told."""
OF_PROGRAMS = frozenset(
    {"container_started", "program_ended", "session_opened", "shell_became_program", "shell_primed"}
)
"""The events that each program has once at most."""


class PacedLog:
    """Stands for the log that it wraps. Any thread.

    What is bound to it shares its pace: the lines of an event are counted per connection, those of each level for
    themselves, as a line that is below the configured level must not use up another's place. What is left out is
    counted, too: the next line of its event, or `tell_left_out`, has the number as `left_out`.
    """

    def __init__(self, log: FilteringBoundLogger, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` gives seconds."""
        self._log = log
        self._pace = _Pace(clock)

    @property
    def log(self) -> FilteringBoundLogger:
        """This one, for whoever knows structlog's loggers only. Those of their methods that are missing here raise."""
        return cast(FilteringBoundLogger, self)

    def bind(self, **values: Any) -> PacedLog:
        bound = PacedLog.__new__(PacedLog)
        bound._log, bound._pace = self._log.bind(**values), self._pace
        return bound

    def debug(self, event: str, **values: Any) -> None:
        self._write("debug", event, values)

    def info(self, event: str, **values: Any) -> None:
        self._write("info", event, values)

    def warning(self, event: str, **values: Any) -> None:
        self._write("warning", event, values)

    def error(self, event: str, **values: Any) -> None:
        self._write("error", event, values)

    def exception(self, event: str, **values: Any) -> None:
        self._write("error", event, {"exc_info": True, **values})

    def critical(self, event: str, **values: Any) -> None:
        self._write("critical", event, values)

    def tell_left_out(self) -> None:
        """Say how many lines were left out and not told yet."""
        for level, event, number in self._pace.take_untold():
            getattr(self._log, level)(event, left_out=number)

    def _write(self, level: str, event: str, values: dict[str, Any]) -> None:
        left_out = self._pace.step(level, event)
        if left_out is None:
            return
        if left_out:
            values["left_out"] = left_out
        getattr(self._log, level)(event, **values)


class _Pace:
    """What a connection has written of each event and level. The lock is not held while a line is written."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._buckets: dict[tuple[str, str], _Bucket] = {}

    def step(self, level: str, event: str) -> int | None:
        """Return None if a line has to be left out, else how many were since the last one."""
        now = self._clock()
        with self._lock:
            bucket = self._buckets.get((level, event))
            if bucket is None:
                bucket = self._buckets[level, event] = _Bucket(PROGRAMS if event in OF_PROGRAMS else ANY, now)
            if not bucket.take(now):
                bucket.left_out += 1
                return None
            return bucket.told()

    def take_untold(self) -> list[tuple[str, str, int]]:
        """Return levels and events of which lines were left out, and how many."""
        with self._lock:
            return [(*key, bucket.told()) for key, bucket in self._buckets.items() if bucket.left_out]


class _Bucket:
    """A token bucket: as many lines as it holds, and it fills by time."""

    def __init__(self, allowance: Allowance, now: float) -> None:
        self.left_out = 0
        self._allowance = allowance
        self._lines = float(allowance.at_once)
        self._filled = now

    def take(self, now: float) -> bool:
        gained = max(0.0, now - self._filled) / self._allowance.pause
        self._lines = min(self._lines + gained, self._allowance.at_once)
        self._filled = max(now, self._filled)
        if self._lines < 1:
            return False
        self._lines -= 1
        return True

    def told(self) -> int:
        number, self.left_out = self.left_out, 0
        return number
