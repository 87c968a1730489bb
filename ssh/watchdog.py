"""The service manager's watchdog (sd_watchdog_enabled(3)): fed while the process can still do its work."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, MutableMapping, Sequence

import structlog

from .notify import Notifier

_log = structlog.get_logger(__name__)
_TICK = 1.0

Check = Callable[[], Awaitable[object]]
"""Returns, whatever it finds out: only one that does not return is a reason to start the process anew."""


class Pulse:
    """One check, asked again at every beat once it has returned. Loop only."""

    def __init__(self, name: str, check: Check, limit: Callable[[], float]) -> None:
        """`limit` gives the seconds that a check may take."""
        self.name = name
        self._check = check
        self._limit = limit
        self._began = 0.0
        self._task: asyncio.Future[object] | None = None

    def beat(self) -> bool:
        """Return whether the last check has returned, or may still take its time; begin the next one."""
        now = asyncio.get_running_loop().time()
        if self._task is None or self._task.done():
            self._task, self._began = asyncio.ensure_future(self._check()), now
            # Whatever it raised was an answer too.
            self._task.add_done_callback(lambda task: task.cancelled() or task.exception())
        return now - self._began <= self._limit()

    def stop(self) -> None:
        if self._task:
            self._task.cancel()


def taken_interval(environment: MutableMapping[str, str]) -> float:
    """Take out of the environment how often the manager wants to hear, in seconds; 0 where there is no watchdog."""
    microseconds, pid = environment.pop("WATCHDOG_USEC", ""), environment.pop("WATCHDOG_PID", "")
    if not microseconds.isdecimal() or (pid and pid != str(os.getpid())):
        return 0.0
    return int(microseconds) / 1_000_000


async def supervise(notifier: Notifier, interval: float, pulses: Sequence[Pulse], status: Callable[[], str]) -> None:
    """Feed the watchdog at half of `interval` seconds (0: never) and keep the status line. Until it is cancelled."""
    loop = asyncio.get_running_loop()
    due = loop.time()
    try:
        while notifier.is_heard:
            notifier.status(status())
            if interval and loop.time() >= due:
                due = loop.time() + interval / 2
                _beat(notifier, pulses)
            await asyncio.sleep(min(_TICK, interval / 2) if interval else _TICK)
    finally:
        for pulse in pulses:
            pulse.stop()


def _beat(notifier: Notifier, pulses: Sequence[Pulse]) -> None:
    stuck = [pulse.name for pulse in pulses if not pulse.beat()]
    if stuck:
        _log.error("watchdog_not_fed", stuck=stuck)
    else:
        notifier.alive()
