"""A pool on the stage, with timers that go off by themselves."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sshore.actors.guest import Guest
from sshore.actors.pool import PoolActor
from sshore.actors.pool_messages import FillDue, GuestNews, GuestReady, GuestTaken, GuestWanted, LookDue, NoGuest
from sshore.actors.ref import Ref, post
from sshore.actors.shape import Shape
from sshore.actors.surroundings import Surroundings
from sshore.engine.types import ContainerGone

from .memory import SECONDS, Memory
from .stage import LiveTimers, Stage, Witness


def bomb(error: type[BaseException]) -> GuestNews:
    """Return a message that no pool can handle."""

    class Id(str):
        __slots__ = ()

        def __hash__(self) -> int:
            raise error("injected")

    return GuestNews(Id("nobody"), ContainerGone())


class Pond:
    """One pool; the root is a witness. `close` it before the stage."""

    def __init__(self, stage: Stage, size: int = 2, *, max_age: str = "1h", **execution: Any) -> None:
        self.stage = stage
        self.timers = LiveTimers()
        house = replace(stage.house, timers=self.timers)
        section = {"pool": {"size": size, "maxAge": max_age}, **execution}
        self.surroundings: Surroundings = replace(stage.surroundings(**section), house=house)
        self.ref: Ref = PoolActor.start(stage.root, self.surroundings)

    @property
    def shape(self) -> Shape:
        return Shape.of(self.surroundings.docker.execution)

    @property
    def names(self) -> list[str]:
        """Who waits, in the order in which they are handed out."""
        waiting: tuple[Guest, ...] = self.ref.proxy().waiting.get(timeout=SECONDS)
        return [guest.container.name for guest in waiting]

    @property
    def filling(self) -> Ref:
        [child] = self.ref.proxy().children.get(timeout=SECONDS)
        found: Ref = child
        return found

    def tell(self, *messages: object) -> None:
        for message in messages:
            assert post(self.ref, message)

    def until_filled(self, number: int) -> None:
        """Wait until so many have been filled since the beginning, and the pool has them."""
        self.stage.book.wait_for("pool_filled", number)
        self.settle()

    def settle(self) -> None:
        self.ref.proxy().waiting.get(timeout=SECONDS)

    def ask(self) -> tuple[Ref, GuestReady | NoGuest]:
        """Ask as a connection does."""
        told = Memory()
        asker = Witness.start(told)
        self.tell(GuestWanted(asker, self.shape))
        answer: GuestReady | NoGuest = told.wait(lambda word: isinstance(word, GuestReady | NoGuest))
        return asker, answer

    def take(self) -> Guest:
        """Log in and take what the pool gives."""
        asker, answer = self.ask()
        assert isinstance(answer, GuestReady)
        self.tell(GuestTaken(asker))
        return answer.guest

    def look(self) -> None:
        """Have the pool look around now."""
        self.tell(LookDue())

    def dropped(self, number: int = 1) -> tuple[str, str]:
        """Return name and reason of the `number`-th that was dropped."""
        line = self.stage.book.wait_for("pool_container_dropped", number)
        return line["container"], line["reason"]

    @property
    def fill_alarms(self) -> list[float]:
        """For how many seconds fills were put off."""
        return [alarm.seconds for alarm in self.timers.alarms.all if isinstance(alarm.message, FillDue)]

    def close(self) -> None:
        self.timers.close()
