"""The rules that every actor keeps, whatever it does."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pykka
import pytest
from sshore.actors.messages import ChildEnded, ChildFailed, ChildStarted
from sshore.actors.ref import Ref, post
from sshore.actors.worker import Worker
from support.memory import SECONDS, Memory
from support.stage import Stage

CRASHES = [ValueError, SystemExit, KeyboardInterrupt, asyncio.CancelledError]


class Diary(Memory):
    """What an odd actor did, and what it shall do when it starts and when it lets go."""

    at_start: Callable[[], None] = staticmethod(lambda: None)
    at_release: Callable[[], None] = staticmethod(lambda: None)


class Odd(Worker):
    """Does what messages say, and writes it down."""

    role = "odd"

    def __init__(self, stage: Stage, parent: Ref, diary: Diary) -> None:
        super().__init__(parent, stage.book.log, stage.metrics)
        self._diary = diary

    def started(self) -> None:
        self._diary.add("started")
        self._diary.at_start()

    def handle(self, message: object) -> None:
        self._diary.add(message)
        if callable(message):
            message(self)

    def failed(self, error: BaseException) -> None:
        self._diary.add(f"failed: {type(error).__name__}")

    def release(self) -> None:
        self._diary.add("released")
        self._diary.at_release()


def started(stage: Stage, parent: Ref | None = None, at_start: Callable[[], None] | None = None) -> tuple[Diary, Ref]:
    diary = Diary()
    diary.at_start = at_start or diary.at_start
    return diary, Odd.start(stage, parent or stage.parent, diary)


def void(_: object) -> None:
    return


def fail_with(error: type[BaseException]) -> Callable[..., None]:
    def fail(*_: object) -> None:
        raise error("injected")

    return fail


def wait_over(diary: Diary, ref: Ref) -> None:
    diary.wait(lambda item: item == "released")
    assert ref.actor_stopped.wait(SECONDS)


def test_a_worker_tells_its_parent_when_it_starts_and_when_it_ends(stage: Stage) -> None:
    diary, ref = started(stage)
    diary.wait(lambda item: item == "started")
    assert stage.count("sshore_actors_current", actor="odd") == 1
    post(ref, Odd.end)
    wait_over(diary, ref)
    stage.told_parent.wait_for(ChildEnded)
    assert stage.count("sshore_actors_current", actor="odd") == 0
    assert stage.told_parent.all == [ChildStarted(ref), ChildEnded(ref)]


def test_the_parent_knows_a_child_before_whoever_started_it_goes_on(stage: Stage) -> None:
    parent_diary, parent_ref = started(stage)
    _, ref = started(stage, parent_ref)
    post(parent_ref, "later")
    parent_diary.wait(lambda item: item == "later")
    assert parent_diary.all == ["started", ChildStarted(ref), "later"]


@pytest.mark.parametrize("error", CRASHES)
def test_a_crash_in_a_handler_is_told_released_counted_and_logged(stage: Stage, error: type[BaseException]) -> None:
    diary, ref = started(stage)
    post(ref, fail_with(error))
    wait_over(diary, ref)
    assert diary.all[2:] == [f"failed: {error.__name__}", "released"]
    told = stage.told_parent.wait_for(ChildFailed)
    assert (told.child, type(told.error)) == (ref, error)
    assert stage.count("sshore_actor_failures_total", actor="odd") == 1
    assert stage.count("sshore_actors_current", actor="odd") == 0
    assert stage.book.wait_for("actor_failed")["code"] == "INTERNAL_ERROR"


@pytest.mark.parametrize("error", CRASHES)
def test_a_crash_at_the_start_is_told_and_released_too(stage: Stage, error: type[BaseException]) -> None:
    diary, ref = started(stage, at_start=fail_with(error))
    wait_over(diary, ref)
    assert diary.all == ["started", f"failed: {error.__name__}", "released"]
    assert stage.told_parent.wait_for(ChildFailed).child == ref
    assert stage.count("sshore_actor_failures_total", actor="odd") == 1
    assert stage.count("sshore_actors_current", actor="odd") == 0


@pytest.mark.parametrize("error", CRASHES)
def test_a_crash_leaves_every_other_actor_alone(stage: Stage, error: type[BaseException]) -> None:
    diary, ref = started(stage)
    sibling_diary, sibling_ref = started(stage)
    post(ref, fail_with(error))
    wait_over(diary, ref)
    post(sibling_ref, "still here")
    sibling_diary.wait(lambda item: item == "still here")
    assert "released" not in sibling_diary.all


@pytest.mark.parametrize("error", CRASHES)
@pytest.mark.parametrize("way", ["end", "crash", "stop"])
def test_a_release_that_fails_is_logged_and_told(stage: Stage, error: type[BaseException], way: str) -> None:
    diary, ref = started(stage)
    diary.at_release = fail_with(error)
    leave(ref, way)
    wait_over(diary, ref)
    stage.book.wait_for("actor_release_failed")
    told = stage.told_parent.wait_for(ChildFailed)
    assert type(told.error) is (RuntimeError if way == "crash" else error)
    assert diary.all.count("released") == 1
    assert stage.parent.is_alive()


def leave(ref: Ref, way: str) -> None:
    if way == "stop":
        ref.stop(block=False)
    else:
        post(ref, Odd.end if way == "end" else fail_with(RuntimeError))


@pytest.mark.parametrize("second", ["end", "crash", "stop"])
@pytest.mark.parametrize("first", ["end", "crash", "stop"])
def test_everything_is_released_once_however_often_it_is_left(stage: Stage, first: str, second: str) -> None:
    diary, ref = started(stage)
    gate = threading.Event()
    post(ref, lambda _: gate.wait(SECONDS))
    leave(ref, first)
    leave(ref, second)
    gate.set()
    wait_over(diary, ref)
    stage.told_parent.wait(lambda word: isinstance(word, ChildEnded | ChildFailed))
    assert diary.all.count("released") == 1
    assert len(stage.told_parent.all) == 2


@pytest.mark.parametrize("way", ["end", "crash"])
def test_nothing_is_handled_after_the_end(stage: Stage, way: str) -> None:
    diary, ref = started(stage)
    gate = threading.Event()
    post(ref, lambda _: gate.wait(SECONDS))
    leave(ref, way)
    post(ref, "too late")
    gate.set()
    wait_over(diary, ref)
    assert "too late" not in diary.all


def test_what_came_before_a_stop_is_still_handled(stage: Stage) -> None:
    diary, ref = started(stage)
    for number in range(100):
        post(ref, number)
    ref.stop()
    assert diary.all == ["started", *range(100), "released"]


def test_a_parent_that_has_ended_stops_the_child_that_comes_too_late(stage: Stage) -> None:
    parent_diary, parent_ref = started(stage)
    late = Diary()
    parent_diary.at_release = lambda: void(Odd.start(stage, parent_ref, late))
    post(parent_ref, Odd.end)
    late.wait(lambda item: item == "released")


def test_a_parent_that_crashes_over_its_new_child_stops_it(stage: Stage) -> None:
    class Squeamish(Odd):
        def handle(self, message: object) -> None:
            raise ValueError("injected")

    parent_diary, diary = Diary(), Diary()
    parent_ref = Squeamish.start(stage, stage.parent, parent_diary)
    Odd.start(stage, parent_ref, diary)
    diary.wait(lambda item: item == "released")


@pytest.mark.parametrize("error", [None, ValueError])
def test_a_child_of_a_dead_parent_ends_without_doing_anything(stage: Stage, error: type[BaseException] | None) -> None:
    parent_diary, parent_ref = started(stage)
    leave(parent_ref, "crash" if error else "end")
    wait_over(parent_diary, parent_ref)
    diary, ref = started(stage, parent_ref)
    post(ref, "do it")
    wait_over(diary, ref)
    assert diary.all == ["released"]


@pytest.mark.parametrize("way", ["end", "crash", "stop"])
def test_whoever_asks_an_ending_actor_is_never_left_waiting(stage: Stage, way: str) -> None:
    diary, ref = started(stage)

    def ask(number: int) -> str:
        try:
            ref.ask(number, timeout=SECONDS)
        except pykka.ActorDeadError:
            return "dead"
        return "answered"

    with ThreadPoolExecutor(8) as pool:
        answers = [pool.submit(ask, number) for number in range(200)]
        leave(ref, way)
        assert {answer.result(SECONDS) for answer in answers} <= {"answered", "dead"}
    wait_over(diary, ref)
    with pytest.raises(pykka.ActorDeadError):
        ref.ask("anybody?", timeout=SECONDS)


def test_a_message_to_a_dead_actor_or_to_nobody_is_not_delivered_and_does_no_harm(stage: Stage) -> None:
    _, ref = started(stage)
    assert post(ref, "hello")
    ref.stop()
    assert not post(ref, "hello")
    assert not post(None, "hello")
