"""The actor that sees to it that nothing stays: removals that failed once, and containers that nobody owns."""

from __future__ import annotations

import math
import time

from ..engine.errors import Conflict, EngineError, NotFound
from ..engine.interface import Engine
from ..metrics.counters import Metrics
from .log import Log
from .messages import Drain, RemoveLater
from .ports import Ledger, Timers
from .ref import Ref, post
from .removal_messages import Removed, RetryRemovals, Sweep
from .sweep import Sweeper
from .worker import Worker

_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 5.0
_GRACE = 3.0


class _Due:
    """A container that has to go, by its id or name. `until`: up to then "not found" may only mean "not yet"."""

    def __init__(self, container: str, until: float) -> None:
        self.container = container
        self.until = until
        self.pause = _FIRST_PAUSE
        self.at = time.monotonic()

    def put_off(self) -> None:
        self.at = time.monotonic() + self.pause
        self.pause = min(self.pause * 2, _LONGEST_PAUSE)


class RemovalActor(Worker):
    """Retries removals with growing pauses until the engine says that the container is gone, and sweeps."""

    role = "removal"

    def __init__(
        self,
        parent: Ref,
        log: Log,
        metrics: Metrics,
        *,
        engine: Engine,
        ledger: Ledger,
        timers: Timers,
        sweeper: Sweeper,
        timeout: float,
        late_create: float,
        sweep_every: float,
    ) -> None:
        super().__init__(parent, log, metrics)
        self._engine = engine
        self._ledger = ledger
        self._timers = timers
        self._sweeper = sweeper
        self._timeout = timeout
        self._late_create = late_create
        self._sweep_every = sweep_every
        self._due: dict[str, _Due] = {}
        self._wake_at = math.inf

    @property
    def pending(self) -> frozenset[str]:
        """The names that are still to be removed."""
        return frozenset(self._due)

    def started(self) -> None:
        self._sweep()

    def handle(self, message: object) -> None:
        match message:
            case RemoveLater():
                self._remove_later(message)
                self._work()
            case RetryRemovals(due) if due == self._wake_at:
                self._wake_at = math.inf
                self._work()
            case Sweep():
                self._sweep()
            case Drain():
                self._hurry()

    def _remove_later(self, one: RemoveLater) -> None:
        until = time.monotonic() + self._late_create if one.may_come else 0.0
        self._due.setdefault(one.name, _Due(one.id or one.name, until))

    def _hurry(self) -> None:
        """Nobody waits longer than the janitor would for creates that may still come true."""
        self._late_create = min(self._late_create, _GRACE)
        for due in self._due.values():
            due.until = min(due.until, time.monotonic() + _GRACE)
            due.pause = _FIRST_PAUSE
            due.at = time.monotonic()
        self._work()

    def _work(self) -> None:
        for name, due in list(self._due.items()):
            if due.at <= time.monotonic() and self._gone(name, due):
                del self._due[name]
                self._ledger.release(name)
                post(self.parent, Removed(name))
                self.log.info("container_removed_late", container=name)
        self._wake_later()

    def _gone(self, name: str, due: _Due) -> bool:
        try:
            self._engine.remove_container(due.container, timeout=self._timeout)
        except NotFound:
            if time.monotonic() >= due.until:
                return True
        except Conflict:
            due.until = 0.0
        except EngineError as error:
            self.log.debug("container_removal_failed", container=name, code=error.code, cause=str(error))
        else:
            return True
        due.put_off()
        return False

    def _wake_later(self) -> None:
        due = min((one.at for one in self._due.values()), default=math.inf)
        if due < self._wake_at:
            self._wake_at = due
            self._timers.after(max(0.01, due - time.monotonic()), self.actor_ref, RetryRemovals(due))

    def _sweep(self) -> None:
        for name in self._sweeper.stale():
            self.log.warning("container_swept", container=name)
            self._due.setdefault(name, _Due(name, 0.0))
        self._work()
        self._timers.after(self._sweep_every, self.actor_ref, Sweep())
