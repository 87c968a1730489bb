"""The actor that makes a pool's containers, one after the other, and looks at them: it blocks, so that no pool does."""

from __future__ import annotations

import time

from ..config.models import PullPolicy
from ..engine import labels
from ..engine.errors import EngineError
from ..engine.turns import LONGEST_FILL_DELAY, Turn, Work
from ..engine.types import EngineEvent, ImageInfo
from ..metrics.codes import Code
from .guest import Guest, GuestMaker
from .messages import ImageFailed, ImageReady
from .naming import pooled_name
from .pool_messages import Fill, Filled, FillFailed, GuestAccepted, GuestNews, Look, Seen, ShellsOverdue
from .primed import ShellLost, ShellPrimed
from .primed_shells import PrimedShells
from .ref import Ref, post
from .refusals import Refused, refuse
from .surroundings import Surroundings
from .turn_messages import StartOverdue, StartTurn


class FillingActor(GuestMaker):
    """Owns a guest from its name on until the pool accepts it. Events of what it makes go to the pool."""

    role = "filling"

    def __init__(self, pool: Ref, surroundings: Surroundings) -> None:
        super().__init__(pool, surroundings)
        self._begun: float | None = None
        self._guest: Guest | None = None
        """What runs, while its shells begin to wait."""

    def handle(self, message: object) -> None:
        match message:
            case Fill():
                self._begun = time.monotonic()
                self.attempt(self.seek_image)
            case ImageReady() if self._begun is not None:
                self.attempt(self.image_present)
            case StartTurn() | StartOverdue() if self._begun is not None:
                self.attempt(lambda: self.turn_news(message))
            case ImageFailed(refused) if self._begun is not None:
                self.refused(refused)
            case ShellPrimed() if self._guest and self._guest.shells:
                self._guest.shells.primed(message)
                self._prime(self._guest.shells)
            case ShellLost() if self._guest and self._guest.shells:
                self._guest.shells.lost(message)
                self._prime(self._guest.shells)
            case ShellsOverdue(container) if self._guest and self._guest.container.id == container:
                self._give_up()
            case GuestAccepted():
                self.give_away()
            case Look(subscription):
                self._look(subscription)

    def get_in_line(self) -> None:
        """Nobody waits for it: users' starts go first, for so long."""
        self.await_turn(self.surroundings.house.turns.for_fill(self.turn_came), LONGEST_FILL_DELAY)

    def turn_overdue(self, turn: Turn) -> None:
        if turn.work is not Work.FILL:
            super().turn_overdue(turn)
            return
        turn.give_back()
        super().get_in_line()

    def image_at_hand(self, image: ImageInfo) -> None:
        name = pooled_name(self.execution.containername)
        self._leave_out_the_wait()
        try:
            self._guest = self.make_guest(image, name, {**self.surroundings.labels, labels.POOL: name})
        finally:
            self.give_turn_back()
        if self._guest.shells:
            overdue = ShellsOverdue(self._guest.container.id)
            self.surroundings.house.timers.after(self.timeouts.command_start, self.actor_ref, overdue)
            self._prime(self._guest.shells)
        else:
            self._hand_over_if_ready()

    def _prime(self, shells: PrimedShells) -> None:
        shells.prime()
        self._hand_over_if_ready()

    def _hand_over_if_ready(self) -> None:
        guest = self._guest
        if guest and (guest.shells is None or guest.shells.complete):
            assert self._begun is not None
            seconds, self._begun = time.monotonic() - self._begun, None
            self._guest = None
            post(self.parent, Filled(guest, seconds))

    def _give_up(self) -> None:
        self._guest = None
        self.drop_guest()
        self.refused(refuse(Code.PROGRAM_START_FAILED, f"no shell within {self.timeouts.command_start:g} s"))

    def refused(self, refused: Refused) -> None:
        self._begun = None
        post(self.parent, FillFailed(refused))

    def watch(self, engine_id: str) -> None:
        pool = self.parent

        def told(event: EngineEvent) -> None:
            post(pool, GuestNews(engine_id, event))

        self.surroundings.house.watcher.watch(engine_id, told)

    def _leave_out_the_wait(self) -> None:
        """Giving way is no part of what a start or a fill takes."""
        assert self._begun is not None
        now = time.monotonic()
        self._begun += now - self.decided_at
        self.decided_at = now

    def _look(self, subscription: int | None) -> None:
        timeout = self.timeouts.http
        ours = {labels.GATEWAY: self.surroundings.labels[labels.GATEWAY], labels.POOL: ""}
        try:
            found = self.engine.find_image(self.execution.image, self._judged_platform, timeout=timeout)
            listed = self.engine.list_containers(ours, timeout=timeout)
        except EngineError as error:
            self.log.debug("pool_look_failed", code=error.code, cause=str(error))
            return
        running = frozenset(row.id for row in listed if row.state == "running")
        post(self.parent, Seen(found.id if found else None, running, subscription))

    @property
    def _judged_platform(self) -> str | None:
        """The platform that an image has to have or it is fetched; other policies take what is there."""
        by_platform = self.execution.image_pull_policy is PullPolicy.IF_NOT_PRESENT
        return self.execution.platform if by_platform else None
