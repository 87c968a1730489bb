"""When a pool's next container may be started."""

from __future__ import annotations

import pytest
from sshore.actors.fill_pace import FIRST_PAUSE, LONGEST_PAUSE, LONGEST_QUIET, QUIET_SECONDS, YOUNG_SECONDS, FillPace


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def pace(clock: Clock) -> FillPace:
    return FillPace(clock)


def test_where_nobody_logs_in_it_fills_at_once(pace: FillPace) -> None:
    assert pace.wait() == 0
    pace.begun()
    assert pace.wait() == 0


def test_it_lets_the_program_of_whoever_was_given_a_container_begin(pace: FillPace, clock: Clock) -> None:
    pace.login()
    assert pace.wait() == pytest.approx(QUIET_SECONDS)
    clock.now += QUIET_SECONDS
    assert pace.wait() == 0


def test_users_who_never_stop_to_log_in_hold_it_up_for_so_long_only(pace: FillPace, clock: Clock) -> None:
    pace.login()
    assert pace.wait() > 0
    while clock.now < 1000 + LONGEST_QUIET:
        clock.now += QUIET_SECONDS / 2
        pace.login()
    assert pace.wait() == 0
    pace.begun()
    assert pace.wait() == pytest.approx(QUIET_SECONDS)


def test_failures_make_it_slower_up_to_a_minute(pace: FillPace, clock: Clock) -> None:
    pauses = []
    for _ in range(12):
        pace.failed()
        pauses.append(pace.wait())
        clock.now += pauses[-1]
        assert pace.wait() == 0
    assert pauses[:3] == pytest.approx([FIRST_PAUSE, 2 * FIRST_PAUSE, 4 * FIRST_PAUSE])
    assert pauses[-1] == pytest.approx(LONGEST_PAUSE)


def test_young_deaths_are_a_failure_and_old_ones_are_none(pace: FillPace, clock: Clock) -> None:
    pace.died(YOUNG_SECONDS)
    assert pace.wait() == 0
    for _ in range(10):
        pace.died(1)
    assert pace.wait() == pytest.approx(FIRST_PAUSE)
    clock.now += FIRST_PAUSE
    pace.died(1)
    assert pace.wait() == pytest.approx(2 * FIRST_PAUSE)


def test_an_engine_that_is_back_is_tried_at_once_and_trusted_when_a_container_lives(
    pace: FillPace, clock: Clock
) -> None:
    for _ in range(5):
        pace.failed()
    pace.hurry()
    assert pace.wait() == 0
    pace.failed()
    assert pace.wait() > 10 * FIRST_PAUSE
    clock.now += pace.wait()
    pace.filled()
    clock.now += YOUNG_SECONDS
    pace.failed()
    assert pace.wait() == pytest.approx(FIRST_PAUSE)


def test_only_what_was_filled_since_a_failure_and_did_not_die_young_makes_up_for_it(
    pace: FillPace, clock: Clock
) -> None:
    pace.filled()
    pauses = []
    for _ in range(12):
        clock.now += 10 * YOUNG_SECONDS
        pace.failed()
        pauses.append(pace.wait())
    assert pauses[-1] == pytest.approx(LONGEST_PAUSE)
    clock.now += LONGEST_PAUSE
    pace.filled()
    clock.now += YOUNG_SECONDS / 2
    pace.died(YOUNG_SECONDS / 2)
    pace.filled()
    pace.died(0)
    assert pace.wait() == pytest.approx(LONGEST_PAUSE)
    clock.now += LONGEST_PAUSE
    pace.failed()
    assert pace.wait() == pytest.approx(LONGEST_PAUSE)
