"""One thread that reads the engine's event stream and tells whoever waits for an end."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from structlog.typing import FilteringBoundLogger

from .errors import EngineError
from .interface import Engine, EventSubscription
from .retry import Backoff
from .types import EngineEvent, EventsLost

EventCallback = Callable[[EngineEvent], None]

SUBSCRIBE_SECONDS = 10.0
EARLY_SECONDS = 60.0
EARLY_LIMIT = 10_000


class EventWatcher:
    """Tells the ends of the execs and containers that carry `labels`, as the engine reports them.

    `ready` is set while it is subscribed, and `hearing` is that subscription's number, None without one. Events may be
    lost without a sign: this is the fast path to an end, not a promise of it. After each (re)subscription every
    callback registered by then gets EventsLost with its number: what it waits for may have happened unseen, so it has
    to ask the engine. Whoever registers first and then reads `hearing` is told of every other.
    """

    def __init__(self, engine: Engine, labels: Mapping[str, str], log: FilteringBoundLogger) -> None:
        self.ready = threading.Event()
        self.hearing: int | None = None
        self._subscriptions = 0
        self._engine = engine
        self._labels = labels
        self._log = log
        self._register = _Register()
        self._stopping = threading.Event()
        self._subscription: EventSubscription | None = None
        self._thread = threading.Thread(target=self._run, name="sshore-events", daemon=True)

    def start(self) -> None:
        """Begin to watch; once."""
        self._thread.start()

    def stop(self) -> None:
        """Stop watching and wait for the thread's end. Idempotent; not from a callback."""
        self._stopping.set()
        subscription = self._subscription
        if subscription is not None:
            subscription.close()
        if self._thread.ident is not None:
            self._thread.join(SUBSCRIBE_SECONDS)

    def watch(self, id: str, callback: EventCallback) -> None:
        """Call `callback` with every event of the exec or container `id`. Any thread, before `start` too.

        Events that came earlier, at most a minute ago, are delivered now, in this thread; later ones come in
        the watcher's. The callback must neither raise nor block.
        """
        while early := self._register.add(id, callback):
            for event in early:
                self._call(callback, event)

    def forget(self, id: str) -> None:
        """Do not call back for `id` any more; an event on its way may still come. Any thread."""
        self._register.remove(id)

    def _run(self) -> None:
        backoff = Backoff()
        while not self._stopping.is_set():
            try:
                if self._watch_until_loss():
                    backoff = Backoff()
            except EngineError as error:
                self._log.debug("engine_events_unavailable", code=error.code, cause=error.detail)
            except BaseException:  # whatever it was: without this thread no end is told any more
                self._log.exception("engine_events_failed")
            self._stopping.wait(backoff.next())

    def _watch_until_loss(self) -> bool:
        subscription = self._engine.events(self._labels, timeout=SUBSCRIBE_SECONDS)
        self._subscription = subscription
        try:
            if self._stopping.is_set():
                return False
            self._log.info("engine_events_watched")
            self._subscriptions += 1
            self.hearing = self._subscriptions
            self.ready.set()
            news = EventsLost(self._subscriptions)
            self._deliver((callback, news) for callback in self._register.callbacks())
            heard = False
            for id, event in subscription:
                heard = True
                self._deliver((callback, event) for callback in self._register.receivers(id, event))
            return heard
        finally:
            self.hearing = None
            self.ready.clear()
            self._subscription = None
            subscription.close()

    def _deliver(self, deliveries: Iterable[tuple[EventCallback, EngineEvent]]) -> None:
        for callback, event in deliveries:
            self._call(callback, event)

    def _call(self, callback: EventCallback, event: EngineEvent) -> None:
        try:
            callback(event)
        except BaseException:
            self._log.exception("engine_event_callback_failed")


@dataclass(slots=True)
class _Early:
    since: float
    events: list[EngineEvent] = field(default_factory=list)


class _Register:
    """Who waits for what, and what came before anybody waited for it.

    Any thread. The lock makes "is it registered? else keep the event" one step against "was there an event?
    else register"; nothing is called while it is held.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._callbacks: dict[str, EventCallback] = {}
        self._early: dict[str, _Early] = {}

    def add(self, id: str, callback: EventCallback) -> list[EngineEvent]:
        """Register, or return the events that have to be delivered first."""
        with self._lock:
            early = self._early.pop(id, None)
            if early is not None:
                return early.events
            self._callbacks[id] = callback
            return []

    def remove(self, id: str) -> None:
        with self._lock:
            self._callbacks.pop(id, None)
            self._early.pop(id, None)

    def callbacks(self) -> list[EventCallback]:
        with self._lock:
            return list(self._callbacks.values())

    def receivers(self, id: str, event: EngineEvent) -> list[EventCallback]:
        """Return the callback of `id`; none keeps the event for whoever registers soon."""
        now = time.monotonic()
        with self._lock:
            callback = self._callbacks.get(id)
            if callback is not None:
                return [callback]
            self._early.setdefault(id, _Early(now)).events.append(event)
            self._drop_old(now)
            return []

    def _drop_old(self, now: float) -> None:
        # The oldest is the first: a dict keeps the order of insertion.
        while self._early:
            id, oldest = next(iter(self._early.items()))
            if len(self._early) <= EARLY_LIMIT and now - oldest.since <= EARLY_SECONDS:
                return
            del self._early[id]
