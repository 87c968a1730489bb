"""The event stream of a fake engine."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from queue import SimpleQueue

from ..errors import Unavailable
from ..types import EngineEvent

Message = tuple[str, EngineEvent]


def carries(labels: Mapping[str, str], wanted: Mapping[str, str]) -> bool:
    """Whether `labels` has all of `wanted`, where an empty value means any."""
    return all(name in labels and value in ("", labels[name]) for name, value in wanted.items())


class FakeSubscription:
    """An open event stream (`EventSubscription`)."""

    def __init__(self, wanted: Mapping[str, str]) -> None:
        self.wanted = dict(wanted)
        self._queue: SimpleQueue[Message | Unavailable | None] = SimpleQueue()

    def __iter__(self) -> Iterator[Message]:
        while (message := self._queue.get()) is not None:
            if isinstance(message, Unavailable):
                raise message
            yield message

    def close(self) -> None:
        self._queue.put(None)

    def put(self, message: Message) -> None:
        self._queue.put(message)

    def lose(self) -> None:
        """Break the connection."""
        self._queue.put(Unavailable("events", "the connection was lost"))


class EventHub:
    """Passes events on to whoever subscribed to their labels. Any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._subscriptions: list[FakeSubscription] = []
        self.dropping = False
        """Lose events without a gap in the stream, as a real engine does when its reader stalls."""

    def subscribe(self, labels: Mapping[str, str]) -> FakeSubscription:
        subscription = FakeSubscription(labels)
        with self._lock:
            self._subscriptions.append(subscription)
        return subscription

    def publish(self, labels: Mapping[str, str], about: str, event: EngineEvent) -> None:
        """`about` is the exec's or the container's id, `labels` the container's."""
        with self._lock:
            if self.dropping:
                return
            for subscription in self._subscriptions:
                if carries(labels, subscription.wanted):
                    subscription.put((about, event))

    def lose_connections(self) -> None:
        with self._lock:
            lost, self._subscriptions = self._subscriptions, []
        for subscription in lost:
            subscription.lose()
