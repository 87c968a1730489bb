"""Nothing stays: retries until the engine says gone, and a sweep for what nobody owns."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest
from sshore.actors.messages import ChildFailed, Drain, RemoveLater
from sshore.actors.ref import Ref, post
from sshore.actors.removal import RemovalActor
from sshore.actors.removal_messages import Removed, RetryRemovals, Sweep
from sshore.engine.errors import Conflict, EngineError, ServerFault, TimedOut, Unavailable
from sshore.engine.fake.engine import FAKE_IMAGE
from sshore.engine.types import ContainerSpec
from support.memory import SECONDS
from support.stage import Alarm, LiveTimers, Stage

LATE = 0.3
SWEEP_EVERY = 300.0


class Finds:
    """A sweeper that finds what it is given."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.error: BaseException | None = None

    def stale(self) -> list[str]:
        if self.error:
            raise self.error
        found, self.names = self.names, []
        return found


@pytest.fixture
def finds() -> Finds:
    return Finds()


@pytest.fixture
def timers() -> Iterator[LiveTimers]:
    made = LiveTimers()
    yield made
    made.close()


@pytest.fixture
def start(stage: Stage, finds: Finds, timers: LiveTimers) -> Callable[[], Ref]:
    def started() -> Ref:
        return RemovalActor.start(
            stage.parent,
            stage.book.log,
            stage.metrics,
            engine=stage.engine,
            ledger=stage.ledger,
            timers=timers,
            sweeper=finds,
            timeout=SECONDS,
            late_create=LATE,
            sweep_every=SWEEP_EVERY,
        )

    return started


def make(stage: Stage, name: str) -> None:
    stage.ledger.claim(name)
    stage.engine.create_container(ContainerSpec(name, {"Image": FAKE_IMAGE, "Cmd": ["true"]}), timeout=SECONDS)


def names(stage: Stage) -> list[str]:
    return [container.name for container in stage.engine.containers]


def pauses(timers: LiveTimers) -> list[float]:
    return [alarm.seconds for alarm in timers.alarms.of(Alarm) if isinstance(alarm.message, RetryRemovals)]


def test_a_container_is_removed_at_once_if_that_is_possible_now(
    stage: Stage, start: Callable[[], Ref], timers: LiveTimers
) -> None:
    make(stage, "box")
    post(start(), RemoveLater("box", may_come=False))
    assert stage.told_parent.wait_for(Removed).name == "box"
    assert names(stage) == []
    assert stage.ledger.names == set()
    assert pauses(timers) == []


@pytest.mark.parametrize("error", [Unavailable, ServerFault, TimedOut])
def test_a_removal_is_tried_with_growing_pauses_until_the_engine_says_gone(
    stage: Stage, start: Callable[[], Ref], timers: LiveTimers, error: type[EngineError]
) -> None:
    make(stage, "box")
    stage.engine.faults.fail("container_remove", error, times=3)
    post(start(), RemoveLater("box", may_come=False))
    stage.told_parent.wait_for(Removed)
    assert names(stage) == []
    assert stage.ledger.names == set()
    assert pauses(timers) == pytest.approx([0.1, 0.2, 0.4], abs=0.05)


def test_a_container_that_lost_its_name_is_removed_by_its_id(stage: Stage, start: Callable[[], Ref]) -> None:
    make(stage, "box")
    [container] = stage.engine.containers
    container.name = ""
    post(start(), RemoveLater("box", may_come=False, id=container.id))
    assert stage.told_parent.wait_for(Removed).name == "box"
    assert names(stage) == []
    assert not stage.ledger.names


def test_a_removal_that_is_under_way_elsewhere_is_waited_for(stage: Stage, start: Callable[[], Ref]) -> None:
    stage.ledger.claim("box")
    stage.engine.faults.fail("container_remove", Conflict)
    removals = start()
    post(removals, RemoveLater("box", may_come=True))
    stage.told_parent.wait_for(Removed)
    # The conflict said that it was there: the first "not found" behind it is an end.
    assert stage.engine.faults.calls("container_remove") == 2


def test_what_is_not_there_is_gone(stage: Stage, start: Callable[[], Ref], timers: LiveTimers) -> None:
    stage.ledger.claim("box")
    post(start(), RemoveLater("box", may_come=False))
    stage.told_parent.wait_for(Removed)
    assert stage.ledger.names == set()
    assert pauses(timers) == []


def test_what_may_still_come_is_waited_for_and_removed(stage: Stage, start: Callable[[], Ref]) -> None:
    removals = start()
    post(removals, RemoveLater("box", may_come=True))
    assert removals.proxy().pending.get(timeout=SECONDS) == {"box"}
    make(stage, "box")
    stage.told_parent.wait_for(Removed)
    assert names(stage) == []


def test_what_never_came_is_given_up_once_it_cannot_come_any_more(
    stage: Stage, start: Callable[[], Ref], timers: LiveTimers
) -> None:
    stage.ledger.claim("box")
    begun = time.monotonic()
    post(start(), RemoveLater("box", may_come=True))
    stage.told_parent.wait_for(Removed)
    assert time.monotonic() - begun >= LATE
    assert stage.ledger.names == set()


def test_a_stubborn_container_delays_no_other(stage: Stage, start: Callable[[], Ref]) -> None:
    make(stage, "stubborn")
    stage.engine.faults.fail("container_remove", Unavailable, times=4)
    removals = start()
    post(removals, RemoveLater("stubborn", may_come=False))
    await_calls(stage, 4)
    # Its next attempt is 0.8 s away.
    make(stage, "easy")
    stage.engine.faults.fail("container_remove", Unavailable)
    post(removals, RemoveLater("easy", may_come=False))
    stage.told_parent.wait_for(Removed, 2)
    assert [removed.name for removed in stage.told_parent.of(Removed)] == ["easy", "stubborn"]


def await_calls(stage: Stage, number: int) -> None:
    deadline = time.monotonic() + SECONDS
    while stage.engine.faults.calls("container_remove") < number:
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_retries_do_not_multiply(stage: Stage, start: Callable[[], Ref], timers: LiveTimers) -> None:
    stage.engine.faults.fail("container_remove", Unavailable, times=10_000)
    removals = start()
    for number in range(30):
        post(removals, RemoveLater(f"box-{number}", may_come=False))
    await_calls(stage, 30 * 4)
    # Four rounds (0, 0.1, 0.3, 0.7 s), whatever their number.
    assert len(pauses(timers)) <= 30


def test_an_engine_that_is_away_keeps_everything_on_the_list(stage: Stage, start: Callable[[], Ref]) -> None:
    make(stage, "one")
    make(stage, "two")
    removals = start()
    stage.engine.go_away()
    post(removals, RemoveLater("one", may_come=False))
    post(removals, RemoveLater("two", may_come=False))
    assert removals.proxy().pending.get(timeout=SECONDS) == {"one", "two"}
    stage.engine.come_back()
    stage.told_parent.wait_for(Removed, 2)
    assert names(stage) == []


def test_it_sweeps_at_its_start_and_every_few_minutes(
    stage: Stage, start: Callable[[], Ref], finds: Finds, timers: LiveTimers
) -> None:
    make(stage, "left")
    finds.names = ["left"]
    start()
    stage.told_parent.wait_for(Removed)
    assert names(stage) == []
    assert stage.book.wait_for("container_swept")["container"] == "left"
    make(stage, "later")
    finds.names = ["later"]
    assert timers.ring(Sweep).seconds == SWEEP_EVERY
    assert stage.told_parent.wait_for(Removed, 2).name == "later"
    timers.alarms.wait(lambda alarm: isinstance(alarm.message, Sweep), 2)


def test_what_is_swept_twice_is_removed_once(stage: Stage, start: Callable[[], Ref], finds: Finds) -> None:
    removals = start()
    stage.engine.faults.fail("container_remove", Unavailable)
    make(stage, "left")
    post(removals, RemoveLater("left", may_come=False))
    finds.names = ["left"]
    post(removals, Sweep())
    stage.told_parent.wait_for(Removed)
    removals.stop()
    assert len(stage.told_parent.of(Removed)) == 1


@pytest.mark.parametrize("error", [ValueError, SystemExit])
def test_a_crash_is_told_and_counted(
    stage: Stage, start: Callable[[], Ref], finds: Finds, error: type[BaseException]
) -> None:
    finds.error = error("injected")
    removals = start()
    assert stage.told_parent.wait_for(ChildFailed).child == removals
    assert stage.count("sshore_actor_failures_total", actor="removal") == 1


def test_a_drain_waits_three_seconds_at_most_for_what_may_still_come(
    stage: Stage, start: Callable[[], Ref], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sshore.actors.removal._GRACE", 0.2)
    monkeypatch.setitem(globals(), "LATE", 1000.0)
    stage.ledger.claim("box")
    removals = start()
    post(removals, RemoveLater("box", may_come=True))
    assert removals.proxy().pending.get(timeout=SECONDS) == {"box"}
    begun = time.monotonic()
    post(removals, Drain())
    assert stage.told_parent.wait_for(Removed).name == "box"
    assert time.monotonic() - begun >= 0.2
