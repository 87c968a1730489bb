"""Makes a fake engine fail, hang and hesitate on purpose."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ..errors import EngineError, TimedOut, Unavailable

_POLL_SECONDS = 0.002


class Faults:
    """What is wrong with an engine, by operation (`container_create`, `exec_start`, …). Any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._failures: defaultdict[str, list[tuple[type[EngineError], str, bool]]] = defaultdict(list)
        self._gates: dict[str, threading.Event] = {}
        self._delays: dict[str, float] = {}
        self._calls: Counter[str] = Counter()
        self.shares_directories = False
        """Whether containers see the directories that are mounted into them."""
        self.away = False
        """Nobody answers."""
        self.output_kept: float | None = None
        """Seconds behind a program's end until what nobody has read of its output is lost, as with Docker Engine; its
        end is an event only when all is read or lost. None: nothing is lost."""

    def calls(self, operation: str) -> int:
        """Return how often `operation` was called so far, failed calls too."""
        with self._lock:
            return self._calls[operation]

    def fail(
        self,
        operation: str,
        error: type[EngineError],
        *,
        times: int = 1,
        detail: str = "made to fail",
        carried_out: bool = False,
    ) -> None:
        """Let the next `times` calls raise `error`; with `carried_out` only their answer is lost."""
        with self._lock:
            self._failures[operation] += [(error, detail, carried_out)] * times

    def hang(self, operation: str) -> Callable[[], None]:
        """Let calls wait, each until its timeout, when it raises TimedOut; return what lets them go on."""
        gate = self._gates[operation] = threading.Event()

        def release() -> None:
            self._gates.pop(operation, None)
            gate.set()

        return release

    def delay(self, operation: str, seconds: float) -> None:
        """Let every call take that much longer."""
        self._delays[operation] = seconds

    def clear(self) -> None:
        """Nothing is wrong from now on; what hangs goes on."""
        with self._lock:
            self._failures.clear()
        self._delays.clear()
        self.shares_directories = False
        self.away = False
        while self._gates:
            self._gates.popitem()[1].set()

    @contextmanager
    def call(self, operation: str, timeout: float) -> Iterator[None]:
        """Stand around a blocking call."""
        failure = self._enter(operation)
        time.sleep(self._delays.get(operation, 0.0))
        gate = self._gates.get(operation)
        if gate is not None and not gate.wait(timeout):
            raise TimedOut(operation, f"no answer within {timeout:g} s")
        with self._failing(failure):
            yield

    async def pause(self, operation: str, timeout: float) -> None:
        """Stand before a call in the loop."""
        failure = self._enter(operation)
        await asyncio.sleep(self._delays.get(operation, 0.0))
        gate = self._gates.get(operation)
        deadline = time.monotonic() + timeout
        while gate is not None and not gate.is_set():
            if time.monotonic() > deadline:
                raise TimedOut(operation, f"no answer within {timeout:g} s")
            await asyncio.sleep(_POLL_SECONDS)
        with self._failing(failure):
            return

    def _enter(self, operation: str) -> tuple[EngineError, bool] | None:
        with self._lock:
            self._calls[operation] += 1
            if self.away:
                raise Unavailable(operation, "nobody listens")
            waiting = self._failures[operation]
            if not waiting:
                return None
            error, detail, carried_out = waiting.pop(0)
            return error(operation, detail), carried_out

    @contextmanager
    def _failing(self, failure: tuple[EngineError, bool] | None) -> Iterator[None]:
        if failure is not None and not failure[1]:
            raise failure[0]
        yield
        if failure is not None:
            raise failure[0]
