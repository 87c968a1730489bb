"""What the engine calls are counted with."""

from __future__ import annotations

from typing import Protocol


class Counter(Protocol):
    """Anything that can be incremented by one, from any thread: a prometheus_client Counter, or an embedder's own."""

    def inc(self) -> object: ...


class EngineCounters(Protocol):
    """Counts every request to the backend and every failed one, from any thread."""

    def requested(self, operation: str) -> None: ...

    def failed(self, operation: str, code: str) -> None: ...


class TurnCounters(Protocol):
    """Counts who waits for a turn at the engine, from any thread; `work` is `start`, `fill` or `removal`."""

    def turn_asked(self, work: str) -> None: ...

    def turn_waited(self, work: str, seconds: float) -> None: ...


class PlainCounters:
    """An embedding program's own two counters; they learn the number, not the operation."""

    def __init__(self, requests: Counter, failures: Counter) -> None:
        self._requests = requests
        self._failures = failures

    def requested(self, operation: str) -> None:
        self._requests.inc()

    def failed(self, operation: str, code: str) -> None:
        self._failures.inc()
