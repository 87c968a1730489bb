"""Whose password is checked next: hashing is slow on purpose, and what one client asks for is not to hold up others."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from .bans import Bans

_MOST_AT_ONCE = 4
_FORGIVE_SECONDS = 60.0
_MOST_KNOWN = 10_000
_OPEN_TO_ALL = 4
"""Every so many turns one is anybody's: who has failed waits longer, and not for ever."""


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting:
    username: str
    check: Callable[[], bool]
    outcome: asyncio.Future[bool]


class PasswordChecks:
    """Threads that hash, and the line in front of them. Loop only.

    Addresses take turns, those first whose wrong passwords are forgotten, one in a minute; of an address's names the
    one that has failed the least is next. Among equals whoever has logged in before is first. So an honest user waits
    for one check that has begun and for others who are honest as well, however many guess. One of whose name passwords
    are guessed from the same address takes turns with the guesses.

    A connection has one check at a time, and one that has gone has none: the line is as long as there may be
    connections that are not logged in.
    """

    def __init__(self, at_once: int = 0, clock: Callable[[], float] = time.monotonic) -> None:
        """`at_once` are checks that run at the same time; 0: one processor is left to everybody else."""
        self._at_once = at_once or min(_MOST_AT_ONCE, max(1, len(os.sched_getaffinity(0)) - 1))
        self._threads = ThreadPoolExecutor(self._at_once, thread_name_prefix="sshore-password")
        self._failed_sources = Bans(1, _FORGIVE_SECONDS, clock)
        self._failed_names = Bans(1, _FORGIVE_SECONDS, clock)
        # Sources, and names at them, with which the right password came; the last of them.
        self._known: dict[str, None] = {}
        # Sources, and of each its checks, in the order of their turns.
        self._waiting: dict[str, list[_Waiting]] = {}
        self._running = 0
        self._turn = 0

    async def run(self, source: str, username: str, check: Callable[[], bool]) -> bool:
        """Return what `check` returns, from a thread. Cancelled before its turn it is not called."""
        waiting = _Waiting(username, check, asyncio.get_running_loop().create_future())
        self._waiting.setdefault(source, []).append(waiting)
        self._start()
        try:
            correct = await waiting.outcome
        finally:
            self._forget(source, waiting)
        name = _name(source, username)
        if correct:
            self._remember(source)
            self._remember(name)
        else:
            self._failed_sources.failed(source)
            self._failed_names.failed(name)
        return correct

    def close(self) -> None:
        """End the threads once they have finished what they are at; what waits is dropped."""
        self._waiting.clear()
        self._threads.shutdown(wait=False, cancel_futures=True)

    def __len__(self) -> int:
        """How many wait."""
        return sum(map(len, self._waiting.values()))

    def _start(self) -> None:
        while self._running < self._at_once and self._waiting:
            waiting = self._next()
            self._running += 1
            loop = waiting.outcome.get_loop()
            running = loop.run_in_executor(self._threads, waiting.check)
            running.add_done_callback(lambda done, waiting=waiting: self._ended(waiting, done))  # type: ignore[misc]

    def _ended(self, waiting: _Waiting, done: asyncio.Future[bool]) -> None:
        self._running -= 1
        if not waiting.outcome.done():
            if done.cancelled():
                waiting.outcome.cancel()
            elif error := done.exception():
                waiting.outcome.set_exception(error)
            else:
                waiting.outcome.set_result(done.result())
        self._start()

    def _next(self) -> _Waiting:
        self._turn += 1
        # The first in the line of those that are equal.
        source = (
            min(self._waiting, key=self._rank_of_source) if self._turn % _OPEN_TO_ALL else next(iter(self._waiting))
        )
        checks = self._waiting.pop(source)
        waiting = min(checks, key=lambda one: self._rank_of_name(_name(source, one.username)))
        checks.remove(waiting)
        if checks:
            self._waiting[source] = checks
        return waiting

    def _rank_of_source(self, source: str) -> tuple[bool, bool]:
        return self._failed_sources.level(source) > 0, source not in self._known

    def _rank_of_name(self, name: str) -> tuple[float, bool]:
        return self._failed_names.level(name), name not in self._known

    def _remember(self, whom: str) -> None:
        self._known.pop(whom, None)
        self._known[whom] = None
        if len(self._known) > _MOST_KNOWN:
            del self._known[next(iter(self._known))]

    def _forget(self, source: str, waiting: _Waiting) -> None:
        checks = self._waiting.get(source, [])
        if waiting in checks:
            checks.remove(waiting)
            if not checks:
                del self._waiting[source]


def _name(source: str, username: str) -> str:
    return f"{source}\0{username[:64]}"
