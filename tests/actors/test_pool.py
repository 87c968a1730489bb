"""A pool: containers that wait, who gets one, and what becomes of the others."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sshore.actors import fill_pace
from sshore.actors.messages import ChildEnded, ChildFailed, Drain, ImageFailed, ImageReady, ImageWanted, RemoveLater
from sshore.actors.pool_messages import (
    AskerGone,
    FillFailed,
    GuestNews,
    GuestReady,
    GuestTaken,
    GuestWanted,
    NoGuest,
)
from sshore.actors.ref import Ref, post
from sshore.actors.refusals import refuse
from sshore.actors.turn_messages import StartOverdue
from sshore.engine.errors import EngineError, ServerFault, TimedOut, Unavailable
from sshore.engine.fake.containers import FakeImage
from sshore.engine.fake.engine import FAKE_IMAGE
from sshore.engine.turns import LONGEST_FILL_DELAY
from sshore.engine.types import ContainerDied, ContainerGone, EventsLost
from sshore.metrics.codes import Code
from support.gateway import wait_until
from support.memory import SECONDS, Memory
from support.pond import Pond, bomb
from support.stage import Stage, Witness

ABSENT = "registry.example/absent:1"
MakePond = Callable[..., Pond]


@pytest.fixture
def pond(stage: Stage) -> Iterator[MakePond]:
    """Starts pools."""
    made: list[Pond] = []

    def make(size: int = 2, **more: Any) -> Pond:
        made.append(Pond(stage, size, **more))
        return made[-1]

    yield make
    for one in made:
        one.close()


def names_to_remove(stage: Stage) -> list[str]:
    return [message.name for message in stage.told_root.of(RemoveLater)]


# Those who wait.


def test_it_starts_as_many_as_are_to_wait_and_nothing_of_a_user_is_in_them(stage: Stage, pond: MakePond) -> None:
    pool = pond(2, host={"NetworkMode": "none", "Memory": 1 << 26})
    pool.until_filled(2)
    assert [container.name for container in stage.engine.containers] == pool.names == stage.ledger.claimed
    for container in stage.engine.containers:
        assert container.running
        assert container.name.startswith("sshore.pool-")
        assert container.labels.keys() == {"sshore", "sshore.gateway", "sshore.pool"}
        assert container.labels["sshore.pool"] == container.name
        assert container.spec.config | {"Labels": {}} == pool.shape.spec.config
    assert (stage.count("sshore_pool_waiting"), stage.count("sshore_pool_fill_seconds_count")) == (2, 2)
    assert stage.count("sshore_containers_current") == 2


def test_they_are_handed_out_once_each_the_oldest_first_and_replaced(stage: Stage, pond: MakePond) -> None:
    pool = pond(2)
    pool.until_filled(2)
    waiting = pool.names
    taken = [pool.take() for _ in range(2)]
    assert [guest.container.name for guest in taken] == waiting
    pool.until_filled(4)
    assert set(pool.names).isdisjoint(waiting)
    assert names_to_remove(stage) == []
    assert stage.count("sshore_pool_logins_total", result="hit") == 2
    assert stage.count("sshore_pool_waiting") == 2


def test_an_empty_pool_says_so_at_once(stage: Stage, pond: MakePond) -> None:
    stage.engine.faults.hang("container_create")
    pool = pond(1)
    assert pool.ask()[1] == NoGuest()
    assert stage.count("sshore_pool_logins_total", result="miss") == 1
    stage.engine.faults.clear()
    pool.until_filled(1)


def test_it_gives_way_to_whoever_starts_his_own_whatever_that_is_like(stage: Stage, pond: MakePond) -> None:
    turn = stage.turns.for_start("alice", lambda: None)
    pool = pond(1)
    alarm = pool.timers.alarms.wait(lambda alarm: isinstance(alarm.message, StartOverdue))
    assert alarm.seconds == LONGEST_FILL_DELAY
    assert stage.count("sshore_turns_waiting", work="fill") == 1
    assert stage.engine.containers == []
    turn.give_back()
    pool.until_filled(1)
    assert stage.count("sshore_turn_wait_seconds_count", work="fill") == 1


def test_who_has_given_way_for_long_enough_takes_a_turn_like_a_start(
    stage: Stage, pond: MakePond, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sshore.actors.filling.LONGEST_FILL_DELAY", 0.05)
    stage.turns.for_start("alice", lambda: None)
    pond(1).until_filled(1)
    assert stage.count("sshore_turn_wait_seconds_count", work="start") == 2


def test_an_alarm_of_a_turn_that_came_means_no_other(stage: Stage, pond: MakePond) -> None:
    turn = stage.turns.for_start("alice", lambda: None)
    pool = pond(2)
    alarm = pool.timers.alarms.wait(lambda alarm: isinstance(alarm.message, StartOverdue))
    turn.give_back()
    pool.until_filled(2)
    turn = stage.turns.for_start("alice", lambda: None)
    pool.take()
    pool.timers.alarms.wait(lambda alarm: isinstance(alarm.message, StartOverdue), 2)
    post(pool.filling, alarm.message)
    pool.filling.proxy().execution.get(timeout=SECONDS)
    assert stage.engine.faults.calls("container_create") == 2
    assert stage.count("sshore_turns_waiting", work="fill") == 1
    turn.give_back()
    pool.until_filled(3)


def test_what_it_gave_way_for_is_no_part_of_what_a_fill_takes(stage: Stage, pond: MakePond) -> None:
    turn = stage.turns.for_start("alice", lambda: None)
    pool = pond(1)
    pool.timers.alarms.wait(lambda alarm: isinstance(alarm.message, StartOverdue))
    threading.Event().wait(0.3)
    turn.give_back()
    pool.until_filled(1)
    for name in ("sshore_pool_fill_seconds_sum", "sshore_container_start_seconds_sum"):
        assert (stage.count(name) or 0) < 0.3


def test_an_end_leaves_the_line(stage: Stage, pond: MakePond) -> None:
    stage.turns.for_start("alice", lambda: None)
    pool = pond(1)
    pool.timers.alarms.wait(lambda alarm: isinstance(alarm.message, StartOverdue))
    pool.tell(Drain())
    stage.told_root.wait_for(ChildEnded)
    assert stage.count("sshore_turns_waiting", work="fill") == 0


def test_it_pays_no_heed_to_a_crowd_while_it_starts_one(stage: Stage, pond: MakePond) -> None:
    release = stage.engine.faults.hang("container_start")
    pool = pond(3)
    wait_until(lambda: stage.engine.faults.calls("container_create") == 1)
    answers = [pool.ask()[1] for _ in range(50)]
    assert {type(answer) for answer in answers} == {NoGuest}
    assert (stage.engine.faults.calls("container_create"), pool.fill_alarms) == (1, [])
    release()
    pool.until_filled(3)


# The hand-over.


def test_an_asker_who_ends_before_he_took_it_leaves_it_as_it_was(stage: Stage, pond: MakePond) -> None:
    pool = pond(1)
    pool.until_filled(1)
    waiting = pool.names
    asker, answer = pool.ask()
    assert isinstance(answer, GuestReady)
    assert pool.names == []
    pool.tell(AskerGone(asker))
    assert pool.names == waiting
    assert pool.take() == answer.guest
    pool.until_filled(2)


def test_an_asker_who_took_it_and_ends_owes_nothing(stage: Stage, pond: MakePond) -> None:
    pool = pond(1)
    pool.until_filled(1)
    asker, _ = pool.ask()
    pool.tell(GuestTaken(asker), AskerGone(asker))
    pool.until_filled(2)
    assert len(pool.names) == 1
    assert names_to_remove(stage) == []


def test_an_asker_who_is_dead_gets_none(stage: Stage, pond: MakePond) -> None:
    pool = pond(1)
    pool.until_filled(1)
    waiting = pool.names
    dead: Ref = Witness.start(Memory())
    dead.stop()
    pool.tell(GuestWanted(dead, pool.shape))
    assert pool.names == waiting


def test_who_is_taking_it_hears_that_it_has_died(stage: Stage, pond: MakePond) -> None:
    pool = pond(1)
    pool.until_filled(1)
    told = Memory()
    asker: Ref = Witness.start(told)
    pool.tell(GuestWanted(asker, pool.shape))
    guest = told.wait_for(GuestReady).guest
    stage.engine.remove_container(guest.container.id, timeout=SECONDS)
    told.wait_for(ContainerDied)
    told.wait_for(ContainerGone)


def test_one_that_died_before_it_was_taken_does_not_wait_again(stage: Stage, pond: MakePond) -> None:
    pool = pond(1)
    pool.until_filled(1)
    asker, answer = pool.ask()
    assert isinstance(answer, GuestReady)
    name = answer.guest.container.name
    pool.tell(GuestNews(answer.guest.container.id, ContainerGone()), AskerGone(asker))
    assert pool.dropped() == (name, "died")
    assert pool.names == []


# Those that nobody should get.


def test_one_that_died_is_never_handed_out(stage: Stage, pond: MakePond) -> None:
    pool = pond(1)
    pool.until_filled(1)
    [name] = pool.names
    stage.engine.remove_container(name, timeout=SECONDS)
    assert pool.dropped() == (name, "died")
    _eventually(lambda: names_to_remove(stage) == [name])
    pool.until_filled(2)
    assert pool.take().container.name != name


def test_one_that_dies_as_soon_as_it_runs_slows_the_next(stage: Stage, pond: MakePond) -> None:
    def dies(pool: Pond, number: int) -> None:
        pool.until_filled(number)
        stage.engine.remove_container(pool.names[0], timeout=SECONDS)
        pool.dropped(number)
        pool.settle()

    pool = pond(1)
    dies(pool, 1)
    dies(pool, 2)
    assert [alarm for alarm in pool.fill_alarms if alarm > 0.5] == pytest.approx([1.0, 2.0], abs=0.2)


def test_a_death_before_the_pool_had_it_counts_too(stage: Stage, pond: MakePond) -> None:
    stage.engine.faults.delay("container_start", 0.2)
    pool = pond(1)
    [container] = _eventually(lambda: stage.engine.containers)
    pool.tell(GuestNews(container.id, ContainerDied(127, oom=False)))
    assert pool.dropped() == (container.name, "died")
    assert pool.names == []


def test_behind_lost_events_nobody_gets_one_that_was_not_looked_at(stage: Stage, pond: MakePond) -> None:
    pool = pond(2)
    pool.until_filled(2)
    dead, alive = pool.names
    stage.engine.drop_events()
    stage.engine.remove_container(dead, timeout=SECONDS)
    release = stage.engine.faults.hang("container_list")
    pool.tell(EventsLost())
    assert isinstance(pool.ask()[1], NoGuest)
    release()
    assert pool.dropped() == (dead, "died")
    assert pool.take().container.name == alive


def test_while_the_engine_is_gone_nobody_gets_one_and_then_only_one_that_has_outlived_it(
    stage: Stage, pond: MakePond
) -> None:
    pool = pond(1)
    pool.until_filled(1)
    stage.engine.go_away()
    wait_until(lambda: not stage.watcher.ready.is_set())
    assert isinstance(pool.ask()[1], NoGuest)
    stage.engine.come_back()
    wait_until(lambda: not isinstance(pool.ask()[1], NoGuest))


def test_a_look_finds_those_whose_death_no_event_told(stage: Stage, pond: MakePond) -> None:
    pool = pond(1)
    pool.until_filled(1)
    [name] = pool.names
    stage.engine.drop_events()
    stage.engine.remove_container(name, timeout=SECONDS)
    pool.look()
    assert pool.dropped() == (name, "died")


def test_one_that_is_too_old_is_replaced(stage: Stage, pond: MakePond) -> None:
    pool = pond(1, max_age="1s")
    pool.until_filled(1)
    [name] = stage.ledger.claimed[:1]
    assert pool.dropped() == (name, "age")
    pool.until_filled(2)


@pytest.mark.parametrize("there", [True, False])
def test_one_whose_image_has_changed_is_replaced(stage: Stage, pond: MakePond, there: bool) -> None:
    pool = pond(2)
    pool.until_filled(2)
    old = pool.names
    if there:
        stage.engine.images[FAKE_IMAGE] = FakeImage(build="2")
    else:
        del stage.engine.images[FAKE_IMAGE]
    pool.look()
    assert {pool.dropped(1), pool.dropped(2)} == {(name, "image") for name in old}
    if not there:
        wanted = stage.told_root.wait_for(ImageWanted)
        stage.engine.images[FAKE_IMAGE] = FakeImage(build="2")
        post(wanted.asker, ImageReady())
    pool.until_filled(4)
    assert pool.take().image.id.endswith("2")


def test_the_next_fill_shows_a_changed_image_too(stage: Stage, pond: MakePond) -> None:
    pool = pond(2)
    pool.until_filled(2)
    other = pool.names[1]
    stage.engine.images[FAKE_IMAGE] = FakeImage(build="2")
    pool.take()
    assert pool.dropped() == (other, "image")


def test_an_image_of_another_platform_that_the_policy_takes_is_kept(stage: Stage, pond: MakePond) -> None:
    pool = pond(1, platform="linux/arm64", imagePullPolicy="Never")
    pool.until_filled(1)
    names = pool.names
    pool.look()
    pool.filling.proxy().execution.get(timeout=SECONDS)
    assert pool.names == names


def test_a_look_that_gets_no_answer_changes_nothing(stage: Stage, pond: MakePond) -> None:
    pool = pond(1)
    pool.until_filled(1)
    names = pool.names
    stage.engine.faults.fail("container_list", Unavailable)
    pool.look()
    stage.book.wait_for("pool_look_failed")
    assert pool.names == names


# Failures.


@pytest.mark.parametrize(
    ("operation", "error", "code"),
    [
        ("image_inspect", Unavailable, "ENGINE_UNAVAILABLE"),
        ("container_create", ServerFault, "CONTAINER_CREATE_FAILED"),
        ("container_attach", ServerFault, "CONTAINER_START_FAILED"),
        ("container_start", TimedOut, "ENGINE_TIMED_OUT"),
    ],
)
def test_a_fill_that_fails_leaves_nothing_and_is_tried_again_later(
    stage: Stage, pond: MakePond, operation: str, error: type[EngineError], code: str
) -> None:
    stage.engine.faults.fail(operation, error)
    pool = pond(1)
    line = stage.book.wait_for("pool_fill_failed")
    assert (line["code"], line["level"]) == (code, "warning")
    assert stage.engine.containers == []
    assert stage.ledger.names == set()
    assert stage.count("sshore_pool_fill_failures_total", code=code) == 1
    assert stage.count("sshore_refusals_total", code=code) == 0
    pool.until_filled(1)
    assert pool.fill_alarms == pytest.approx([1.0], abs=0.2)


def test_an_engine_that_is_gone_makes_no_storm_and_is_noticed_when_it_is_back(
    stage: Stage, pond: MakePond, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fill_pace, "FIRST_PAUSE", fill_pace.LONGEST_PAUSE)
    stage.engine.go_away()
    pool = pond(2)
    stage.book.wait_for("pool_fill_failed")
    stage.engine.come_back()
    # The watcher says so; the pause is longer than anybody waits here.
    pool.until_filled(2)
    assert len(stage.book.of("pool_fill_failed")) <= 2


def test_an_image_that_is_not_there_is_wanted_of_the_root(stage: Stage, pond: MakePond) -> None:
    pool = pond(1, container={"Image": ABSENT})
    wanted = stage.told_root.wait_for(ImageWanted)
    refused = refuse(Code.IMAGE_PULL_FAILED, "no route to the registry")
    post(wanted.asker, ImageFailed(refused))
    assert stage.book.wait_for("pool_fill_failed")["cause"] == "no route to the registry"
    again = stage.told_root.wait_for(ImageWanted, 2)
    stage.engine.images[ABSENT] = FakeImage()
    post(again.asker, ImageReady())
    pool.until_filled(1)


# The end.


def test_a_drain_lets_all_go_and_ends(stage: Stage, pond: MakePond) -> None:
    pool = pond(2)
    pool.until_filled(2)
    names = pool.names
    pool.tell(Drain())
    assert stage.told_root.wait_for(ChildEnded).child == pool.ref
    assert sorted(names_to_remove(stage)) == sorted(names)
    assert (stage.count("sshore_pool_waiting"), stage.count("sshore_containers_current")) == (0, 0)
    for container in stage.engine.containers:
        # The switch was let go.
        assert container.gone.wait(SECONDS)


def test_a_drain_in_the_middle_of_a_fill_waits_for_it_and_removes_it(stage: Stage, pond: MakePond) -> None:
    release = stage.engine.faults.hang("container_start")
    pool = pond(1)
    _eventually(lambda: stage.engine.containers)
    pool.tell(Drain())
    assert isinstance(pool.ask()[1], NoGuest)
    assert stage.told_root.of(ChildEnded) == []
    release()
    assert stage.told_root.wait_for(ChildEnded).child == pool.ref
    assert stage.engine.containers == []
    assert stage.ledger.names == set()


def test_a_drain_in_the_middle_of_a_hand_over_waits_for_its_end(stage: Stage, pond: MakePond) -> None:
    pool = pond(1)
    pool.until_filled(1)
    asker, answer = pool.ask()
    assert isinstance(answer, GuestReady)
    pool.tell(Drain())
    pool.settle()
    assert stage.told_root.of(ChildEnded) == []
    pool.tell(AskerGone(asker))
    assert stage.told_root.wait_for(ChildEnded).child == pool.ref
    assert answer.guest.container.name in names_to_remove(stage)


@pytest.mark.parametrize("crash", [RuntimeError, SystemExit])
def test_a_crash_lets_all_go_and_answers_whoever_asks(stage: Stage, pond: MakePond, crash: type[BaseException]) -> None:
    pool = pond(2)
    pool.until_filled(2)
    names, filling = pool.names, pool.filling
    asker, answer = pool.ask()
    assert isinstance(answer, GuestReady)
    pool.tell(bomb(crash))
    assert isinstance(stage.told_root.wait_for(ChildFailed).error, crash)
    assert filling.actor_stopped.wait(SECONDS)
    # Not stopped yet: that is for the root to say.
    assert pool.ask()[1] == NoGuest()
    assert names_to_remove(stage) == [name for name in names if name != answer.guest.container.name]
    pool.tell(AskerGone(asker))
    _eventually(lambda: sorted(names_to_remove(stage)) == sorted(names))


def test_who_is_taking_one_of_a_pool_that_crashed_hears_that_it_has_died(stage: Stage, pond: MakePond) -> None:
    pool = pond(1)
    pool.until_filled(1)
    told = Memory()
    pool.tell(GuestWanted(Witness.start(told), pool.shape))
    guest = told.wait_for(GuestReady).guest
    pool.tell(bomb(RuntimeError))
    stage.engine.remove_container(guest.container.id, timeout=SECONDS)
    told.wait_for(ContainerGone)


def test_a_filling_actor_that_crashes_is_replaced_and_what_it_had_looked_for(stage: Stage, pond: MakePond) -> None:
    stage.engine.faults.fail("container_start", _InjectedError)  # type: ignore[arg-type]  # no EngineError
    pool = pond(1)
    assert stage.book.wait_for("actor_failed")["actor"] == "filling"
    pool.until_filled(1)
    assert len(stage.engine.containers) == 1
    assert stage.ledger.names == set(pool.names)


class _InjectedError(RuntimeError):
    def __init__(self, *_: object) -> None:
        super().__init__("injected")


def test_what_the_filling_actor_could_not_deliver_it_removes_itself(stage: Stage, pond: MakePond) -> None:
    release = stage.engine.faults.hang("container_start")
    pool = pond(1)
    _eventually(lambda: stage.engine.containers)
    pool.ref.stop()
    release()
    _eventually(lambda: not stage.engine.containers and not stage.ledger.names)


def test_a_failure_behind_the_drain_is_nobodys_business(stage: Stage, pond: MakePond) -> None:
    pool = pond(1)
    pool.until_filled(1)
    asker, _ = pool.ask()
    pool.tell(Drain(), FillFailed(refuse(Code.ENGINE_UNAVAILABLE, "gone")))
    pool.tell(AskerGone(asker))
    stage.told_root.wait_for(ChildEnded)
    assert stage.book.of("pool_fill_failed") == []


def _eventually(condition: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + SECONDS
    while not (found := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.005)
    return found
