"""The actor of a pool: started containers that wait for users."""

from __future__ import annotations

import time

from ..engine.types import ContainerDied, ContainerGone, EngineEvent, EventsLost
from .alarm import Alarm
from .fill_pace import FillPace
from .filling import FillingActor
from .guest import Guest
from .handed_over import HandOvers
from .messages import ChildEnded, ChildFailed, Drain
from .pool_messages import (
    AskerGone,
    Fill,
    FillDue,
    Filled,
    FillFailed,
    GuestAccepted,
    GuestNews,
    GuestReady,
    GuestTaken,
    GuestWanted,
    Look,
    LookDue,
    NoGuest,
    Seen,
)
from .primed import ShellLost
from .ref import Ref, post
from .refusals import Refused, RefusedError
from .surroundings import Surroundings
from .worker import Worker

LOOK_EVERY = 10.0


class PoolActor(Worker):
    """Owns the guests that wait. It never blocks: whoever logs in is answered at once, with a guest or without.

    A guest is handed to one asker and stays the pool's until he has taken it; of an asker who ends before that it
    comes back as it was. Behind Drain it makes none any more, lets all go and ends. Behind a crash it goes on
    answering until Drain, and stops when nothing is between it and an asker any more.
    """

    role = "pool"
    # What comes behind a stop is dropped without a word, and a connection would wait for ever.
    stops_itself = False

    def __init__(self, root: Ref, surroundings: Surroundings) -> None:
        super().__init__(root, surroundings.log, surroundings.house.metrics)
        self._surroundings = surroundings
        self._house = surroundings.house
        self._wanted = surroundings.docker.execution.pool.size
        self._max_age = surroundings.docker.execution.pool.max_age
        self._waiting: dict[str, tuple[Guest, float]] = {}
        """By the container's id, with the (monotonic) time since when; who comes back goes last."""
        self._hand_overs = HandOvers()
        self._early_deaths: set[str] = set()
        self._doubtful: set[str] = set()
        """Whose death may have gone unheard since the last look."""
        self._subscription: int | None = None
        """To the engine's events: the last one whose beginning this actor has heard of."""
        self._pace = FillPace()
        self._alarm = Alarm(self._house.timers, self.actor_ref, FillDue)
        self._filling: Ref | None = None
        self._fills = False
        self._ending = False
        self._crashed_and_drained = False

    @property
    def children(self) -> frozenset[Ref]:
        """The filling actor, for whoever walks the supervision tree."""
        return frozenset(filter(None, [self._filling]))

    @property
    def waiting(self) -> tuple[Guest, ...]:
        """Who waits, in the order in which they are handed out."""
        return tuple(guest for guest, _ in self._waiting.values())

    def started(self) -> None:
        me = self.actor_ref

        def told(event: EngineEvent) -> None:
            post(me, event)

        # No container has this id: what comes is that events were lost.
        self._house.watcher.watch(self.actor_urn, told)
        self._subscription = self._house.watcher.hearing
        self._fill()
        self._look_later()

    def handle(self, message: object) -> None:
        match message:
            case GuestWanted():
                self._guest_wanted(message)
            case GuestTaken(asker):
                self._hand_overs.taken(asker)
            case AskerGone(asker):
                self._asker_gone(asker)
            case GuestNews(id, event):
                self._news(id, event)
            case EventsLost(subscription):
                self._events_lost(subscription)
            case Filled(guest, seconds):
                self._filled(guest, seconds)
            case FillFailed(refused):
                self._fill_failed(refused)
            case FillDue(moment):
                self._alarm.rings(moment)
            case LookDue():
                self._look_due()
            case ShellLost():
                self._shell_lost(message)
            case Seen():
                self._seen(message)
            case Drain():
                self._drain()
            case ChildEnded(child) | ChildFailed(child, _):
                self._filling_ended(child)
        self._fill()
        self._end_if_over()

    def missed(self, message: object) -> None:
        match message:
            case GuestWanted(asker):
                post(asker, NoGuest())
            case GuestTaken(asker):
                self._hand_overs.taken(asker)
            case AskerGone(asker):
                self._asker_gone(asker)
            case GuestNews(id, event):
                self._hand_overs.pass_on(id, event)
            case ChildEnded(child) | ChildFailed(child, _) if child == self._filling:
                self._filling = None
            case Drain():
                self._crashed_and_drained = True
        if self._crashed_and_drained and self._owes_nothing:
            self.stop()

    def on_stop(self) -> None:
        super().on_stop()
        # The last word, behind ChildFailed too.
        post(self.parent, ChildEnded(self.actor_ref))

    def release(self) -> None:
        self._house.watcher.forget(self.actor_urn)
        self._ending = True
        self._let_all_go()
        if self._filling:
            self._filling.stop(block=False)

    # Users.
    def _guest_wanted(self, wanted: GuestWanted) -> None:
        guest = self._next()
        self.metrics.pool_asked(guest is not None)
        self._pace.login()
        if guest is None:
            post(wanted.asker, NoGuest())
            return
        self._hand_overs.add(wanted.asker, guest)
        if not post(wanted.asker, GuestReady(guest, self.actor_ref)):
            self._asker_gone(wanted.asker)

    def _next(self) -> Guest | None:
        self._drop_aged()
        if self._is_deaf:
            return None
        trusted = (id for id in self._waiting if id not in self._doubtful)
        first = next(trusted, None)
        return self._take_out(first) if first else None

    def _asker_gone(self, asker: Ref) -> None:
        returned = self._hand_overs.gone(asker)
        if returned:
            self._take_in(returned.guest)
            if returned.died:
                self._died(returned.guest.container.id)

    # Guests.
    def _take_in(self, guest: Guest) -> None:
        self.metrics.pool_gained()
        if guest.shells:
            guest.shells.move_to(self.actor_ref, self._surroundings)
        self._waiting[guest.container.id] = (guest, guest.container.begun)
        if self._ending:
            self._drop(guest.container.id, "end")

    def _take_out(self, id: str) -> Guest:
        self.metrics.pool_lost()
        self._doubtful.discard(id)
        return self._waiting.pop(id)[0]

    def _drop(self, id: str, reason: str) -> None:
        guest = self._take_out(id)
        self.log.info("pool_container_dropped", container=guest.container.name, reason=reason)
        self._house.watcher.forget(id)
        guest.close()
        guest.container.leave_to_root()

    def _shell_lost(self, news: ShellLost) -> None:
        # His first program is an exec then, for whoever gets that guest.
        for guest in self.waiting:
            if guest.shells:
                guest.shells.lost(news)

    def _drop_aged(self) -> None:
        oldest_allowed = time.monotonic() - self._max_age
        for id in [id for id, (_, since) in self._waiting.items() if since <= oldest_allowed]:
            self._drop(id, "age")

    def _drop_other_images(self, image: str | None) -> None:
        for id in [id for id, (guest, _) in self._waiting.items() if guest.image.id != image]:
            self._drop(id, "image")

    def _let_all_go(self) -> None:
        for id in list(self._waiting):
            self._drop(id, "end")

    # News.
    def _news(self, id: str, event: EngineEvent) -> None:
        self._hand_overs.pass_on(id, event)
        if isinstance(event, ContainerDied | ContainerGone):
            self._died(id)

    def _died(self, id: str) -> None:
        if id in self._waiting:
            self._pace.died(time.monotonic() - self._waiting[id][1])
            self._drop(id, "died")
        elif self._fills:
            self._early_deaths.add(id)

    @property
    def _is_deaf(self) -> bool:
        """Whether the engine may have ended guests without a word: it is gone, or back and not yet looked at."""
        hearing = self._house.watcher.hearing
        return hearing is None or hearing != self._subscription

    def _events_lost(self, subscription: int | None) -> None:
        if subscription is not None:
            self._subscription = subscription
        self._pace.hurry()
        self._doubt_all()

    def _doubt_all(self) -> None:
        """Hand none out before a look."""
        self._doubtful.update(self._waiting)
        self._look()

    def _look_due(self) -> None:
        self._drop_aged()
        self._look()
        self._look_later()

    def _look(self) -> None:
        if self._waiting and self._ensure_filling():
            post(self._filling, Look(self._subscription))

    def _look_later(self) -> None:
        self._house.timers.after(min(LOOK_EVERY, self._max_age), self.actor_ref, LookDue())

    def _seen(self, seen: Seen) -> None:
        if seen.subscription == self._subscription:
            self._doubtful.clear()
        self._drop_other_images(seen.image)
        for id in self._waiting.keys() - seen.running:
            self._died(id)

    # Fills.
    def _fill(self) -> None:
        if self._ending or self._fills or len(self._waiting) + self._hand_overs.untaken >= self._wanted:
            return
        wait = self._pace.wait()
        if wait > 0:
            self._alarm.ring_in(wait)
        elif self._ensure_filling():
            self._pace.begun()
            self._fills = True
            post(self._filling, Fill())

    def _ensure_filling(self) -> bool:
        if self._filling is None:
            try:
                self._filling = FillingActor.start(self.actor_ref, self._surroundings)
            except RefusedError as error:
                self._fill_failed(error.refused)
                self._alarm.ring_in(self._pace.wait())
        return self._filling is not None

    def _filled(self, guest: Guest, seconds: float) -> None:
        if self._ending:
            # The filling actor, which ends, still owns it.
            return
        self._fills = False
        self._pace.filled()
        self._take_in(guest)
        post(self._filling, GuestAccepted())
        self.metrics.pool_filled(seconds)
        self.log.info("pool_filled", container=guest.container.name, image=guest.image.id)
        self._drop_other_images(guest.image.id)
        for id in self._early_deaths & self._waiting.keys():
            self._died(id)
        self._early_deaths.clear()

    def _fill_failed(self, refused: Refused) -> None:
        self._fills = False
        self._early_deaths.clear()
        self._pace.failed()
        if not self._ending:
            self.metrics.pool_fill_failed(refused.code)
            self.log.warning("pool_fill_failed", code=refused.code, cause=refused.operator)

    def _filling_ended(self, child: Ref) -> None:
        if child == self._filling:
            self._filling = None
            self._fills = False
            if not self._ending:
                self._pace.failed()
                # What it did not know yet to be ours went with it.
                self._doubt_all()

    # The end.
    def _drain(self) -> None:
        self._ending = True
        self._let_all_go()
        if self._filling:
            self._filling.stop(block=False)

    def _end_if_over(self) -> None:
        if self._ending and self._owes_nothing:
            self.end()

    @property
    def _owes_nothing(self) -> bool:
        return not self._filling and not self._hand_overs.untaken
