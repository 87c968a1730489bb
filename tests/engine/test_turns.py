"""Turns at the engine: order, fairness between users, removals that give way, and everything that is given back."""

from __future__ import annotations

import threading
import time

import pytest
from sshore.engine.turns import Turn, Turns
from sshore.metrics.counters import Metrics


class Line:
    """Turns, and who got one in which order."""

    def __init__(self, starts: int) -> None:
        self.metrics = Metrics()
        self.turns = Turns(self.metrics, starts)
        self.came: list[str] = []

    def start(self, user: str, name: str = "") -> Turn:
        return self._asked(self.turns.for_start(user, lambda: self.came.append(name or user)), name or user)

    def removal(self, name: str) -> Turn:
        return self._asked(self.turns.for_removal(lambda: self.came.append(name)), name)

    def fill(self, name: str) -> Turn:
        return self._asked(self.turns.for_fill(lambda: self.came.append(name)), name)

    def _asked(self, turn: Turn, name: str) -> Turn:
        if turn.at_once:
            self.came.append(name)
        return turn

    def value(self, name: str, work: str) -> float | None:
        return self.metrics.registry.get_sample_value(name, {"work": work})


def test_as_many_starts_as_there_are_turns_begin_at_once() -> None:
    line = Line(2)
    turns = [line.start("alice", name) for name in ("first", "second", "third")]
    assert [turn.at_once for turn in turns] == [True, True, False]
    assert line.came == ["first", "second"]
    turns[0].give_back()
    assert line.came == ["first", "second", "third"]


def test_one_users_starts_come_in_their_order() -> None:
    line = Line(1)
    turns = [line.start("alice", str(number)) for number in range(5)]
    for turn in turns:
        turn.give_back()
    assert line.came == ["0", "1", "2", "3", "4"]


def test_a_user_with_twenty_connections_keeps_nobody_waiting() -> None:
    line = Line(4)
    crowd = [line.start("alice") for _ in range(20)]
    line.start("bob")
    line.start("carol")
    crowd[0].give_back()
    crowd[1].give_back()
    assert line.came == [*["alice"] * 4, "bob", "carol"]


def test_users_take_turns_however_many_connections_each_has() -> None:
    line = Line(1)
    turns = [line.start(user) for user in ("alice", "alice", "alice", "bob", "bob", "carol")]
    for turn in (turns[0], turns[1], turns[3], turns[5], turns[2]):
        turn.give_back()
    assert line.came == ["alice", "alice", "bob", "carol", "alice", "bob"]


def test_who_leaves_the_line_is_passed_over() -> None:
    line = Line(1)
    first, second, _ = line.start("alice", "first"), line.start("alice", "second"), line.start("alice", "third")
    second.give_back()
    first.give_back()
    assert line.came == ["first", "third"]
    assert line.value("sshore_turns_waiting", "start") == 0


def test_a_turn_is_given_back_once_however_often_it_is_said() -> None:
    line = Line(1)
    first, second = line.start("alice", "first"), line.start("alice", "second")
    line.start("alice", "third")
    first.give_back()
    first.give_back()
    assert line.came == ["first", "second"]
    second.give_back()
    assert line.came == ["first", "second", "third"]


def test_a_removal_gives_way_to_every_start() -> None:
    line = Line(1)
    running, waiting = line.start("alice", "running"), line.start("bob", "waiting")
    line.removal("removal")
    running.give_back()
    assert line.came == ["running", "waiting"]
    waiting.give_back()
    assert line.came == ["running", "waiting", "removal"]


def test_a_start_does_not_wait_for_a_removal() -> None:
    line = Line(1)
    assert line.removal("removal").at_once
    assert line.start("alice").at_once


def test_few_removals_run_at_once_while_others_may_come_to_start() -> None:
    line = Line(2)
    removals = [line.removal(str(number)) for number in range(4)]
    assert line.came == ["0", "1"]
    removals[0].give_back()
    assert line.came == ["0", "1", "2"]


def test_fills_give_way_to_every_start_and_come_one_by_one_beside_removals() -> None:
    line = Line(1)
    running, waiting = line.start("alice", "running"), line.start("bob", "waiting")
    fills = [line.fill(name) for name in ("fill", "next fill")]
    line.removal("removal")
    running.give_back()
    assert line.came == ["running", "waiting"]
    waiting.give_back()
    assert line.came == ["running", "waiting", "fill", "removal"]
    fills[0].give_back()
    assert line.came == ["running", "waiting", "fill", "removal", "next fill"]


def test_a_start_does_not_wait_for_a_fill() -> None:
    line = Line(1)
    assert line.fill("fill").at_once
    assert line.start("alice").at_once


def test_a_fill_that_left_the_line_is_passed_over() -> None:
    line = Line(1)
    start = line.start("alice")
    line.fill("overdue").give_back()
    start.give_back()
    assert line.came == ["alice"]
    assert line.value("sshore_turns_waiting", "fill") == 0


def test_a_removal_that_went_on_without_its_turn_leaves_the_line() -> None:
    line = Line(1)
    start = line.start("alice")
    line.removal("overdue").give_back()
    start.give_back()
    assert line.came == ["alice"]
    assert line.value("sshore_turns_waiting", "removal") == 0


def test_the_line_of_removals_has_an_end() -> None:
    line = Line(1)
    line.start("alice")
    for number in range(65):
        line.removal(str(number))
    assert line.came == ["alice", "0"]


def test_in_a_hurry_no_removal_waits() -> None:
    line = Line(1)
    line.start("alice")
    line.removal("waits")
    line.turns.hurry()
    assert line.removal("does not").at_once
    assert line.came == ["alice", "waits", "does not"]


def test_waiting_is_counted_and_timed() -> None:
    line = Line(1)
    turns = [line.start("alice"), line.start("alice")]
    assert line.value("sshore_turns_waiting", "start") == 1
    assert line.value("sshore_turn_wait_seconds_count", "start") == 1
    turns[0].give_back()
    assert line.value("sshore_turns_waiting", "start") == 0
    assert line.value("sshore_turn_wait_seconds_count", "start") == 2


@pytest.mark.parametrize("starts", [1, 3])
def test_of_many_threads_no_more_hold_a_turn_than_may_and_each_gets_one(starts: int) -> None:
    turns = Turns(Metrics(), starts)
    holding, most = 0, 0
    counting = threading.Lock()

    def take(user: str) -> None:
        nonlocal holding, most
        mine = threading.Event()
        turn = turns.for_start(user, mine.set)
        assert turn.at_once or mine.wait(10)
        with counting:
            holding += 1
            most = max(most, holding)
        time.sleep(0.005)  # for others to come meanwhile
        with counting:
            holding -= 1
        turn.give_back()
        served.append(user)

    served: list[str] = []
    threads = [threading.Thread(target=take, args=(f"user{number % 5}",)) for number in range(60)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert len(served) == 60
    assert most == starts
