"""The flow of a program's output, on a clock of paper: held, asked about, and taken to its end."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

import pytest
from sshore.backend.output_flow import (
    ASK_AGAIN,
    LONGEST_PAUSE,
    QUESTIONS_A_SECOND,
    QUESTIONS_OF_A_USER,
    REST,
    STANDS_STILL,
    OutputFlow,
    Pace,
)
from support.clocks import PaperLoop

SOON = 0.05
"""A session's turn comes at once when nobody else asks; this is more than the clock's grain."""


class PaperStream:
    """A program's stream that is read or not."""

    def __init__(self) -> None:
        self.read = True

    def write(self, data: bytes | memoryview) -> None:
        """Nobody is there."""

    def write_eof(self) -> None:
        """Nobody is there."""

    def pause_output(self) -> None:
        self.read = False

    def resume_output(self) -> None:
        self.read = True

    def close(self) -> None:
        """Nothing is open."""


class River:
    """A flow, its stream, and when it asked."""

    def __init__(self, loop: PaperLoop, pace: Pace | None = None) -> None:
        self.loop = loop
        self.asked: list[float] = []
        self.stream = PaperStream()
        self.flow = OutputFlow(loop, pace or Pace(loop), lambda: self.asked.append(loop.time()))
        self.flow.govern(self.stream)

    def wait(self, seconds: float) -> None:
        self.loop.run_until_complete(asyncio.sleep(seconds))


@pytest.fixture
def loop() -> Iterator[PaperLoop]:
    made = PaperLoop()
    yield made
    made.close()


@pytest.fixture
def river(loop: PaperLoop) -> River:
    return River(loop)


def test_output_that_stands_still_is_asked_about_once_until_the_answer(river: River) -> None:
    river.flow.hold()
    assert not river.stream.read
    river.wait(STANDS_STILL - SOON)
    assert river.asked == []
    river.wait(60)
    assert river.asked == [pytest.approx(STANDS_STILL, abs=SOON)]


def test_a_client_that_reads_on_soon_asks_nothing(river: River) -> None:
    for _ in range(20):
        river.flow.hold()
        river.wait(STANDS_STILL - SOON)
        river.flow.release()
    river.wait(60)
    assert river.stream.read
    assert river.asked == []


def test_a_program_that_still_runs_is_asked_about_again_while_its_output_stands(river: River) -> None:
    river.flow.hold()
    river.wait(STANDS_STILL + SOON)
    river.flow.answer(over=False)
    assert not river.stream.read
    river.wait(ASK_AGAIN + SOON)
    assert len(river.asked) == 2
    river.flow.release()
    river.flow.answer(over=False)
    river.wait(60)
    assert len(river.asked) == 2


def test_an_answer_from_before_the_client_read_on_counts_for_the_next_standstill(river: River) -> None:
    river.flow.hold()
    river.wait(STANDS_STILL + SOON)
    river.flow.release()
    river.flow.hold()
    river.wait(60)
    assert len(river.asked) == 1
    river.flow.answer(over=False)
    river.wait(ASK_AGAIN + SOON)
    assert len(river.asked) == 2


def test_of_an_ended_program_the_rest_is_taken_up_to_a_bound(river: River) -> None:
    river.flow.hold()
    river.wait(STANDS_STILL + SOON)
    river.flow.answer(over=True)
    river.flow.hold()
    assert river.stream.read
    river.flow.passed(REST - 1)
    assert river.stream.read
    river.flow.passed(1)
    assert not river.stream.read
    river.wait(60)
    assert len(river.asked) == 1
    river.flow.release()
    assert river.stream.read
    river.flow.passed(REST)
    assert river.stream.read


def test_a_flow_that_is_over_asks_nothing_more(river: River) -> None:
    river.flow.hold()
    river.flow.end()
    river.flow.answer(over=False)
    river.wait(60)
    assert river.asked == []


def test_what_was_held_before_there_was_a_stream_is_held_from_its_beginning(loop: PaperLoop) -> None:
    river = River(loop)
    early = OutputFlow(loop, Pace(loop), lambda: river.asked.append(loop.time()))
    early.hold()
    river.wait(60)
    assert river.asked == []
    early.govern(river.stream)
    assert not river.stream.read
    river.wait(STANDS_STILL + SOON)
    assert len(river.asked) == 1


def test_a_thousand_stalled_clients_ask_at_a_bounded_rate_and_all_have_their_turn(loop: PaperLoop) -> None:
    pace = Pace(loop)
    rivers = [River(loop, pace) for _ in range(1000)]
    for river in rivers:
        river.flow.hold()
    rivers[0].wait(STANDS_STILL + 1000 / QUESTIONS_A_SECOND + SOON)
    assert all(len(river.asked) == 1 for river in rivers)
    times = sorted(time for river in rivers for time in river.asked)
    second = [time for time in times if time <= times[0] + 1]
    assert len(second) <= QUESTIONS_A_SECOND + 1


def test_who_has_sessions_by_the_hundred_asks_as_often_as_a_user_may_and_delays_no_other(loop: PaperLoop) -> None:
    pace = Pace(loop)
    crowd = [River(loop, pace.of_user("many")) for _ in range(480)]
    for river in crowd:
        river.flow.hold()
    one = River(loop, pace.of_user("one"))
    one.flow.hold()
    answered: Counter[River] = Counter()
    for _ in range(40):
        one.wait(0.25)
        for river in (*crowd, one):
            if len(river.asked) > answered[river]:
                answered[river] += 1
                river.flow.answer(over=False)
    asked = sum(len(river.asked) for river in crowd)
    assert asked <= QUESTIONS_OF_A_USER * 10 + 1
    pauses = [later - earlier for earlier, later in pairwise(one.asked)]
    assert one.asked[0] == pytest.approx(STANDS_STILL, abs=SOON)
    assert max(pauses) <= LONGEST_PAUSE + 0.25 + SOON
    assert pauses[-1] > ASK_AGAIN
    assert pace.of_user("one") is pace.of_user("one")


def test_what_is_left_of_an_ended_program_is_taken_as_far_as_there_is_room(loop: PaperLoop) -> None:
    river, room = River(loop), [1000, 1000]

    def keep(size: int) -> bool:
        return bool(room) and size <= room.pop()

    river.flow.hold(keep)
    river.wait(STANDS_STILL + SOON)
    river.flow.answer(over=True)
    for _ in range(2):
        river.flow.passed(1000)
        assert river.stream.read
    river.flow.passed(1000)
    assert not river.stream.read
    river.flow.release()
    assert river.stream.read
