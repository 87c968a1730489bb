"""The loop's turns: nobody waits longer than a few slices for those who have a lot to do."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest
from sshore.ssh import turns
from sshore.ssh.turns import SLICE, TURN, Share, new_share


class Clock:
    """Goes on when somebody works."""

    now = 1000.0

    def perf_counter(self) -> float:
        return self.now


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(turns, "time", SimpleNamespace(perf_counter=clock.perf_counter))
    monkeypatch.setattr(turns, "work_time", clock.perf_counter)
    return clock


class Glutton:
    """A client whose work never ends."""

    def __init__(self, share: Share, clock: Clock) -> None:
        self.turns = 0
        self._clock = clock
        share.ask(self._work)

    def _work(self, until: float) -> bool:
        self.turns += 1
        self._clock.now = until
        return True


class Modest:
    """A client that has a little to do."""

    def __init__(self, share: Share) -> None:
        self.done = asyncio.Event()
        share.ask(self._work)

    def _work(self, until: float) -> bool:
        self.done.set()
        return False


def of_user() -> Share:
    share = new_share()
    share.log_in()
    return share


async def turns_of_the_loop(number: int) -> None:
    for _ in range(number):
        await asyncio.sleep(0)


async def test_one_turn_serves_no_more_than_its_time_and_everybody_has_one(clock: Clock) -> None:
    gluttons = [Glutton(of_user(), clock) for _ in range(20)]
    for _ in range(200):
        before = sum(one.turns for one in gluttons)
        await turns_of_the_loop(1)
        assert sum(one.turns for one in gluttons) - before <= TURN / SLICE + 1
    turns = [one.turns for one in gluttons]
    assert min(turns) > 0
    assert max(turns) - min(turns) <= 2


async def test_who_has_little_to_do_comes_before_those_who_have_used_up_a_slice(clock: Clock) -> None:
    gluttons = [Glutton(of_user(), clock) for _ in range(20)]
    await turns_of_the_loop(10)
    modest = Modest(of_user())
    await turns_of_the_loop(3)
    assert modest.done.is_set()
    assert len(gluttons) == 20


async def test_strangers_take_nothing_of_those_who_are_logged_in_and_the_other_way_round(clock: Clock) -> None:
    strangers = [Glutton(new_share(), clock) for _ in range(20)]
    user = Glutton(of_user(), clock)
    before = user.turns, sum(one.turns for one in strangers)
    await turns_of_the_loop(60)
    assert user.turns - before[0] >= 20
    assert sum(one.turns for one in strangers) - before[1] >= 20


async def test_what_is_charged_comes_off_later_slices(clock: Clock) -> None:
    debtor, other = of_user(), of_user()
    debtor.charge(20 * SLICE)
    poor, rich = Glutton(debtor, clock), Glutton(other, clock)
    while not poor.turns:
        await turns_of_the_loop(1)
    assert rich.turns >= 18


async def test_a_job_that_is_asked_for_while_it_runs_is_done_again() -> None:
    share, runs = of_user(), 0

    def job(until: float) -> bool:
        nonlocal runs
        runs += 1
        if runs < 3:
            share.ask(job)
        return False

    share.ask(job)
    await turns_of_the_loop(20)
    assert runs == 3
