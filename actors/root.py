"""The root actor: every connection, every image, the pool and the removals are its children."""

from __future__ import annotations

from collections.abc import Callable, Hashable

from ..metrics.counters import Metrics
from .image import ImageActor
from .log import Log
from .messages import (
    ChildEnded,
    ChildFailed,
    ChildStarted,
    Disconnected,
    Drain,
    ImageActorDone,
    ImageFailed,
    ImageWanted,
    Ping,
    RemoveLater,
    RestartRemovals,
)
from .pool import PoolActor
from .pool_messages import GuestWanted, PoolOrdered, RestartPool
from .pools import Pools
from .ports import BackendPort, Timers
from .ref import Ref, post
from .refusals import RefusedError, record
from .removal import RemovalActor
from .removal_messages import Removed
from .worker import Worker

_RESTART_PAUSE = 1.0


class RootActor(Worker):
    """Keeps the list of connections, passes requests on to image and removal actors, restarts those, and drains.

    A crashed connection is not restarted: its client is gone. An image actor comes with the request for a pull and
    goes with its end, the removal actor and the pool come back soon. If the root itself crashes, the backend's port is
    told and the process ends.
    """

    role = "root"

    def __init__(
        self,
        port: BackendPort,
        log: Log,
        metrics: Metrics,
        timers: Timers,
        start_removals: Callable[[Ref], Ref],
    ) -> None:
        super().__init__(None, log, metrics)
        self._port = port
        self._timers = timers
        self._start_removals = start_removals
        self._removals: Ref | None = None
        self._to_remove: dict[str, RemoveLater] = {}
        self._connections: set[Ref] = set()
        self._images: dict[Hashable, Ref] = {}
        self._pools = Pools(self.actor_ref)
        self._draining = False

    @property
    def children(self) -> frozenset[Ref]:
        """The living connections, for whoever walks the supervision tree."""
        return frozenset(self._connections)

    def started(self) -> None:
        self._removals = self._start_removals(self.actor_ref)

    def handle(self, message: object) -> None:
        match message:
            case ChildStarted(child):
                self._adopt(child)
            case ChildEnded(child):
                self._lose(child)
            case ChildFailed(child, _):
                self._restart_later(child)
                self._lose_crashed(child)
            case ImageWanted():
                self._image(message)
            case ImageActorDone(image):
                # Out of the list first, so that nobody is sent to one that stops.
                self._lose(image)
                image.stop(block=False)
            case RemoveLater(name):
                self._to_remove[name] = message
                post(self._removals, message)
            case Removed(name):
                self._to_remove.pop(name, None)
                self._report_drained()
            case RestartRemovals():
                self._restart_removals()
            case GuestWanted():
                self._pools.pass_on(message)
            case PoolOrdered(surroundings) if not self._draining:
                self._start_pool(lambda: self._pools.order(surroundings))
            case RestartPool() if not self._draining:
                self._start_pool(self._pools.start)
            case Drain():
                self._drain()
            case Ping(answered):
                answered()

    def failed(self, error: BaseException) -> None:
        self._port.root_failed(error)

    def release(self) -> None:
        for child in (*self._connections, *self._images.values(), *self._pools.living, *filter(None, [self._removals])):
            child.stop(block=False)

    def _adopt(self, child: Ref) -> None:
        if issubclass(child.actor_class, ImageActor | RemovalActor | PoolActor):
            return
        self._connections.add(child)
        if self._draining:
            post(child, Disconnected())

    def _lose(self, child: Ref) -> None:
        self._connections.discard(child)
        self._images = {key: image for key, image in self._images.items() if image != child}
        self._pools.lose(child)
        self._pools.tell_gone(child)
        self._report_drained()

    def _lose_crashed(self, child: Ref) -> None:
        if child in self._pools.living:
            # It says ChildEnded when nobody can take any more what it has handed out.
            self._pools.part_with(child)
        else:
            self._lose(child)
            child.stop(block=False)

    def _restart_later(self, child: Ref) -> None:
        if child == self._removals:
            self._timers.after(_RESTART_PAUSE, self.actor_ref, RestartRemovals())
        if self._pools.is_current(child):
            self._timers.after(_RESTART_PAUSE, self.actor_ref, RestartPool())

    def _restart_removals(self) -> None:
        try:
            self._removals = self._start_removals(self.actor_ref)
        except RefusedError as error:
            record(error.refused, "removals_not_restarted", self.log, self.metrics)
            self._timers.after(_RESTART_PAUSE, self.actor_ref, RestartRemovals())
            return
        for message in self._to_remove.values():
            post(self._removals, message)

    def _start_pool(self, start: Callable[[], None]) -> None:
        try:
            start()
        except RefusedError as error:
            record(error.refused, "pool_not_started", self.log, self.metrics)
            self._timers.after(_RESTART_PAUSE, self.actor_ref, RestartPool())

    def _image(self, wanted: ImageWanted) -> None:
        image = self._images.get(wanted.key)
        if not post(image, wanted):
            try:
                image = ImageActor.start(self.actor_ref, self.log, self.metrics, self._timers)
            except RefusedError as error:
                post(wanted.asker, ImageFailed(error.refused))
                return
            self._images[wanted.key] = image
            post(image, wanted)

    def _drain(self) -> None:
        self._draining = True
        self._pools.retire()
        post(self._removals, Drain())
        for connection in self._connections:
            post(connection, Disconnected())
        self._report_drained()

    def _report_drained(self) -> None:
        if self._draining and not (self._connections or self._to_remove or self._pools.living):
            self._port.drained()
