"""A pool and the engine's events: what it hands out while it may have missed a death, and how failures slow it."""

from __future__ import annotations

import threading

import pytest
from sshore.actors.pool_messages import GuestReady, NoGuest
from sshore.engine.errors import ServerFault, Unavailable
from sshore.engine.types import ContainerSummary, EventsLost
from sshore.engine.watcher import EventCallback
from support.gateway import wait_until
from support.memory import SECONDS, Memory
from support.pond import Pond
from support.stage import Stage


class Back:
    """Waits for word of a subscription, which everybody gets who watches."""

    def __init__(self, stage: Stage) -> None:
        self._told = threading.Event()
        stage.watcher.watch("back", lambda event: self._told.set())

    def wait(self) -> None:
        assert self._told.wait(SECONDS)
        self._told.clear()


def lose(stage: Stage, back: Back) -> None:
    """Have the stream lost and opened again; everybody has been told."""
    stage.engine.go_away()
    stage.engine.come_back()
    back.wait()


def test_a_loss_while_a_pool_begins_does_not_make_it_deaf(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    back, watch, begun = Back(stage), stage.watcher.watch, list[str]()

    def watch_behind_a_loss(id: str, callback: EventCallback) -> None:
        if not begun:
            begun.append(id)
            lose(stage, back)
        watch(id, callback)

    monkeypatch.setattr(stage.watcher, "watch", watch_behind_a_loss)
    pool = Pond(stage, 1)
    pool.until_filled(1)
    pool.take()
    pool.close()


def test_a_second_loss_before_it_heard_of_the_first_leaves_it_deaf(stage: Stage, pond: Pond) -> None:
    first, names = stage.watcher.hearing, pond.names
    stage.engine.faults.fail("events", Unavailable, times=1000)
    # Of all connections only that one: the others hold containers.
    stage.engine._events.lose_connections()
    wait_until(lambda: stage.watcher.hearing is None)
    pond.tell(EventsLost(first))
    # A look does not make up for it: they may die behind it.
    pond.settle()
    pond.filling.proxy().turn.get(timeout=SECONDS)
    assert pond.ask()[1] == NoGuest()
    assert pond.names == names
    stage.engine.faults.clear()
    wait_until(lambda: isinstance(pond.ask()[1], GuestReady))


def test_what_was_seen_before_a_loss_says_nothing_of_what_died_in_it(
    stage: Stage, pond: Pond, monkeypatch: pytest.MonkeyPatch
) -> None:
    back, listed, gates = Back(stage), Memory(), [threading.Event(), threading.Event()]
    list_containers = stage.engine.list_containers

    def slow(labels: dict[str, str], *, timeout: float) -> list[ContainerSummary]:
        found = list_containers(labels, timeout=timeout)
        listed.add(found)
        assert gates[len(listed.all) - 1].wait(SECONDS)
        return found

    monkeypatch.setattr(stage.engine, "list_containers", slow)
    [name] = pond.names
    pond.look()
    listed.wait_for(list, 1)
    stage.engine.drop_events()
    stage.engine.remove_container(name, timeout=SECONDS)
    lose(stage, back)
    pond.settle()
    gates[0].set()
    listed.wait_for(list, 2)
    assert pond.ask()[1] == NoGuest()
    gates[1].set()
    assert pond.dropped() == (name, "died")


def test_an_old_one_that_lives_does_not_make_up_for_fills_that_fail(stage: Stage) -> None:
    pool = Pond(stage, 2)
    pool.until_filled(2)
    stage.engine.faults.fail("container_create", ServerFault, times=100)
    pool.take()
    for number in (1, 2):
        stage.book.wait_for("pool_fill_failed", number)
        pool.look()
        pool.settle()
        pool.filling.proxy().turn.get(timeout=SECONDS)
    pool.settle()
    assert [alarm for alarm in pool.fill_alarms if alarm > 0.5] == pytest.approx([1.0, 2.0], abs=0.2)
    pool.close()
