"""The root: connections, images, removals; draining; what is restarted and what is not."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pykka
import pytest
from sshore.actors.image import ImageActor
from sshore.actors.messages import (
    ChildEnded,
    ChildFailed,
    ChildStarted,
    Disconnected,
    Drain,
    ImageFailed,
    ImageReady,
    ImageWanted,
    RemoveLater,
    RestartRemovals,
)
from sshore.actors.pull import PullActor
from sshore.actors.ref import Ref, post
from sshore.actors.removal_messages import Removed
from sshore.actors.root import RootActor
from sshore.engine.fake.containers import FakeImage
from sshore.engine.types import RegistryAuth
from support.memory import SECONDS, Memory
from support.stage import Stage, Witness


class BackendDesk:
    """The backend's port."""

    def __init__(self) -> None:
        self.has_drained = threading.Event()
        self.failures = Memory()

    def drained(self) -> None:
        self.has_drained.set()

    def root_failed(self, error: BaseException) -> None:
        self.failures.add(error)


class House:
    """A root whose removal actors are witnesses."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.desk = BackendDesk()
        self.removals: list[tuple[Ref, Memory]] = []
        self.begin: Callable[[], None] = lambda: None
        self.ref: Ref = RootActor.start(self.desk, stage.book.log, stage.metrics, stage.timers, self._start_removals)

    def _start_removals(self, root: Ref) -> Ref:
        self.begin()
        made = self.witness()
        self.removals.append(made)
        return made[0]

    def witness(self) -> tuple[Ref, Memory]:
        told = Memory()
        return Witness.start(told), told

    def connection(self) -> tuple[Ref, Memory]:
        made = self.witness()
        self.tell(ChildStarted(made[0]))
        return made

    def tell(self, *messages: object) -> None:
        for message in messages:
            assert post(self.ref, message)

    def until_no_image_actor(self) -> None:
        deadline = time.monotonic() + SECONDS
        while found := pykka.ActorRegistry.get_by_class(ImageActor) + pykka.ActorRegistry.get_by_class(PullActor):
            assert time.monotonic() < deadline, found
            time.sleep(0.005)

    def connections(self) -> frozenset[Ref]:
        known: frozenset[Ref] = self.ref.proxy().children.get(timeout=SECONDS)
        return known

    def want(
        self, image: str, platform: str | None = None, engine: object = None, auth: RegistryAuth | None = None
    ) -> Memory:
        asker, told = self.witness()
        wanted = ImageWanted(
            asker=asker,
            engine=engine or self.stage.engine,
            image=image,
            platform=platform,
            auth=auth,
            only_if_missing=False,
            timeout=SECONDS,
            stall=SECONDS,
            asked_at=time.monotonic(),
        )
        self.tell(wanted)
        return told


@pytest.fixture
def house(stage: Stage) -> House:
    made = House(stage)
    made.connections()
    return made


def test_it_knows_its_connections(house: House) -> None:
    first, _ = house.connection()
    second, _ = house.connection()
    assert house.connections() == {first, second}
    house.tell(ChildEnded(first))
    assert house.connections() == {second}
    house.tell(ChildFailed(second, ValueError("injected")))
    assert house.connections() == set()


def test_an_image_actor_is_no_connection_and_goes_with_its_pull(house: House) -> None:
    house.stage.engine.registry["a:1"] = FakeImage()
    for number in (1, 2):
        house.want("a:1").wait_for(ImageReady)
        assert house.stage.engine.faults.calls("image_pull") == number
    assert house.connections() == set()
    house.until_no_image_actor()


def test_every_image_platform_and_login_has_a_pull_of_its_own(house: House) -> None:
    slow = Slow()
    told = [
        house.want("a", engine=slow),
        house.want("a:latest", engine=slow),
        house.want("b", engine=slow),
        house.want("a", "linux/arm64", engine=slow),
        house.want("a", engine=slow, auth=RegistryAuth("u", "p")),
        house.want("a", engine=slow, auth=RegistryAuth("u", "p")),
    ]
    # Everybody has been sent to his pull by now.
    house.connections()
    slow.go_on.set()
    for asker in told:
        asker.wait_for(ImageReady)
    assert slow.pulls == 4
    house.until_no_image_actor()


def test_many_who_ask_one_after_the_other_are_all_answered(house: House) -> None:
    house.stage.engine.registry["a:1"] = FakeImage()
    told = []
    for _ in range(200):
        told.append(house.want("a:1"))
        told[len(told) // 2].wait_for(ImageReady)
    for asker in told:
        asker.wait_for(ImageReady)
        assert len(asker.of(ImageReady)) == 1
    house.until_no_image_actor()


class Slow:
    """An engine that pulls until the test lets it."""

    def __init__(self) -> None:
        self.go_on = threading.Event()
        self.pulls = 0

    def pull_image(self, *_: object, **__: object) -> None:
        self.pulls += 1
        assert self.go_on.wait(SECONDS)


def test_one_image_is_not_kept_waiting_by_another(house: House) -> None:
    house.stage.engine.registry["b:1"] = FakeImage()
    slow = Slow()
    patient = house.want("a:1", engine=slow)
    house.want("b:1").wait_for(ImageReady)
    assert patient.all == []
    slow.go_on.set()
    patient.wait_for(ImageReady)


def test_an_image_actor_that_crashed_is_replaced_for_the_next_who_asks(house: House) -> None:
    assert house.want("a:1", engine="no engine at all").wait_for(ImageFailed).refused.code == "INTERNAL_ERROR"
    house.stage.engine.registry["a:1"] = FakeImage()
    house.want("a:1").wait_for(ImageReady)
    house.tell(Drain())
    assert house.desk.has_drained.wait(SECONDS)


def test_removals_are_passed_on_and_remembered_until_they_are_done(house: House) -> None:
    late = RemoveLater("box", may_come=True)
    house.tell(late)
    [(_, told)] = house.removals
    assert told.wait_for(RemoveLater) == late
    house.tell(Drain())
    house.connections()
    assert not house.desk.has_drained.is_set()
    house.tell(Removed("box"))
    assert house.desk.has_drained.wait(SECONDS)


def test_a_removal_actor_that_crashed_is_replaced_and_told_everything_again(house: House) -> None:
    [(first, _)] = house.removals
    house.tell(RemoveLater("done", may_come=False), RemoveLater("open", may_come=True), Removed("done"))
    first.stop()
    house.tell(ChildFailed(first, ValueError("injected")))
    assert house.stage.timers.ring(RestartRemovals).seconds == pytest.approx(1.0)
    house.connections()
    [_, (second, told)] = house.removals
    assert told.wait_for(RemoveLater) == RemoveLater("open", may_come=True)
    assert second.is_alive()


def test_a_removal_that_comes_between_crash_and_restart_is_not_forgotten(house: House) -> None:
    [(first, _)] = house.removals
    first.stop()
    house.tell(ChildFailed(first, ValueError("injected")), RemoveLater("box", may_come=False))
    house.stage.timers.ring(RestartRemovals)
    house.connections()
    assert house.removals[1][1].wait_for(RemoveLater).name == "box"


def test_a_connection_that_crashed_is_not_restarted(house: House) -> None:
    child, _ = house.connection()
    house.tell(ChildFailed(child, ValueError("injected")))
    house.connections()
    assert house.stage.timers.alarms.all == []
    assert len(house.removals) == 1


def test_draining_ends_every_connection_and_waits_for_the_last(house: House) -> None:
    pairs = [house.connection() for _ in range(3)]
    house.tell(Drain())
    for _, told in pairs:
        told.wait_for(Disconnected)
    for child, _ in pairs:
        assert not house.desk.has_drained.is_set()
        house.tell(ChildEnded(child))
    assert house.desk.has_drained.wait(SECONDS)


def test_a_connection_that_comes_while_draining_is_sent_away(house: House) -> None:
    last, _ = house.connection()
    house.tell(Drain())
    late, told = house.connection()
    told.wait_for(Disconnected)
    house.tell(ChildEnded(last))
    house.connections()
    assert not house.desk.has_drained.is_set()
    house.tell(ChildEnded(late))
    assert house.desk.has_drained.wait(SECONDS)


def test_an_idle_house_has_drained_at_once(house: House) -> None:
    house.tell(Drain())
    assert house.desk.has_drained.wait(SECONDS)


@pytest.mark.parametrize("error", [ValueError, SystemExit])
def test_a_root_that_crashes_tells_the_backend_and_stops_its_children(
    house: House, monkeypatch: pytest.MonkeyPatch, error: type[BaseException]
) -> None:
    def crash(_: RootActor) -> None:
        raise error("injected")

    monkeypatch.setattr(RootActor, "_drain", crash)
    child, _ = house.connection()
    house.connections()
    house.tell(Drain())
    assert isinstance(house.desk.failures.wait_for(BaseException), error)
    assert child.actor_stopped.wait(SECONDS)
    assert house.removals[0][0].actor_stopped.wait(SECONDS)
    assert house.stage.count("sshore_actor_failures_total", actor="root") == 1


@pytest.mark.parametrize("error", [RuntimeError, SystemExit])
def test_a_root_that_cannot_start_tells_the_backend(stage: Stage, error: type[BaseException]) -> None:
    class Doomed(House):
        def _start_removals(self, root: Ref) -> Ref:
            raise error("can't start new thread")

    doomed = Doomed(stage)
    assert isinstance(doomed.desk.failures.wait_for(BaseException), error)
