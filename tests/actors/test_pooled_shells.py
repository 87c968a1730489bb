"""Containers that wait in a pool with shells that wait in them: when one is ready, and who has its shells."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sshore.actors.messages import RemoveLater
from sshore.actors.pool_messages import Seen, ShellsOverdue
from sshore.actors.primed import ShellLost, ShellPrimed
from sshore.actors.ref import post
from sshore.engine.errors import Conflict
from sshore.engine.pipes.sharing import Sharing
from sshore.metrics.codes import Code
from support.pond import Pond
from support.stage import Stage


@pytest.fixture
def pool(stage: Stage, tmp_path: Path) -> Iterator[Pond]:
    """A pool of one, whose containers may have shells."""
    sharing = Sharing(tmp_path / "pipes", "machine", "me", lambda cause: None)
    stage.house = replace(stage.house, sharing=sharing)
    made = Pond(stage, 1)
    yield made
    made.close()


def let_wait(stage: Stage, *numbers: int) -> None:
    """Have the shells of these numbers wait for their orders."""
    for number in numbers:
        shell = stage.shells.wait_opened(number)
        post(shell.owner, ShellPrimed(shell))


def test_one_is_ready_when_both_its_shells_wait(stage: Stage, pool: Pond) -> None:
    let_wait(stage, 1)
    stage.shells.wait_opened(2)
    assert not stage.book.of("pool_filled")
    let_wait(stage, 2)
    pool.until_filled(1)
    guest = pool.take()
    got: list[object] = []
    assert guest.shells
    guest.shells.take(True, got.append)
    guest.shells.take(False, got.append)
    assert got == [stage.shells.wait_opened(2), stage.shells.wait_opened(1)]
    let_wait(stage, 3, 4)
    pool.until_filled(2)


def test_one_without_a_shell_is_ready_when_that_is_known(stage: Stage, pool: Pond) -> None:
    shell = stage.shells.wait_opened(1)
    post(shell.owner, ShellLost(shell))
    pool.until_filled(1)
    guest = pool.take()
    got: list[object] = []
    assert guest.shells
    guest.shells.take(False, got.append)
    assert got == [None]
    post(stage.shells.wait_opened(2).owner, ShellLost(stage.shells.wait_opened(2)))
    pool.until_filled(2)


def test_execs_that_are_refused_hold_nothing_up(stage: Stage, pool: Pond) -> None:
    let_wait(stage, 1, 2)
    pool.until_filled(1)
    stage.engine.faults.fail("exec_create", Conflict, times=2)
    pool.take()
    pool.until_filled(2)
    assert len(stage.shells.opened.all) == 2


def test_a_shell_that_ends_meanwhile_is_not_handed_out(stage: Stage, pool: Pond) -> None:
    let_wait(stage, 1, 2)
    pool.until_filled(1)
    shell = stage.shells.wait_opened(1)
    assert shell.owner == pool.ref
    post(shell.owner, ShellLost(shell))
    got: list[object] = []
    guest = pool.take()
    assert guest.shells
    guest.shells.take(False, got.append)
    assert got == [None]
    let_wait(stage, 3, 4)
    pool.until_filled(2)


def test_a_container_whose_shells_never_wait_is_given_up(stage: Stage, pool: Pond) -> None:
    shell = stage.shells.wait_opened(1)
    name = stage.engine.containers[0].name
    pool.timers.ring(ShellsOverdue)
    assert stage.book.wait_for("pool_fill_failed")["code"] == Code.PROGRAM_START_FAILED
    assert shell.dismissed.wait(1)
    assert name not in [container.name for container in stage.engine.containers]
    assert not stage.told_root.of(RemoveLater)
    let_wait(stage, 2, 3)
    pool.until_filled(1)


def test_those_of_a_container_that_is_dropped_go_with_it(stage: Stage, pool: Pond) -> None:
    let_wait(stage, 1, 2)
    pool.until_filled(1)
    pool.tell(Seen("another", frozenset(container.id for container in stage.engine.containers)))
    assert pool.dropped()[1] == "image"
    assert all(stage.shells.wait_opened(number).dismissed.wait(1) for number in (1, 2))
    let_wait(stage, 3, 4)
    pool.until_filled(2)
