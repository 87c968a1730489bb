"""The root and its pools: who is sent where, a changed configuration, a crash, the end."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pykka
import pytest
from sshore.actors.messages import ChildEnded, Drain, RemoveLater
from sshore.actors.pool import PoolActor
from sshore.actors.pool_messages import GuestReady, GuestTaken, GuestWanted, NoGuest, PoolOrdered, RestartPool
from sshore.actors.ref import Ref, post
from sshore.actors.removal_messages import Removed
from sshore.actors.shape import Shape
from sshore.actors.surroundings import Surroundings
from support.memory import SECONDS
from support.pond import bomb
from support.stage import LiveTimers, Stage

from .test_root import House


class Estate(House):
    """A root with a pool. What the pool gives up is removed by a witness: not at all, unless the test says so."""

    def __init__(self, stage: Stage) -> None:
        super().__init__(stage)
        self.timers = LiveTimers()

    def order(self, size: int = 1, *, timeouts: dict[str, Any] | None = None, **execution: Any) -> Surroundings:
        """Have the root want a pool."""
        made = self.stage.surroundings(timeouts=timeouts, pool={"size": size}, **execution)
        made = replace(made, house=replace(made.house, root=self.ref, timers=self.timers))
        self.tell(PoolOrdered(made))
        return made

    def login(self, surroundings: Surroundings) -> tuple[Ref, GuestReady | NoGuest]:
        asker, told = self.connection()
        self.tell(GuestWanted(asker, Shape.of(surroundings.docker.execution)))
        return asker, told.wait(lambda word: isinstance(word, GuestReady | NoGuest))

    def until_drained(self) -> None:
        """Do what the removal actor does, until nothing is left."""
        deadline = time.monotonic() + SECONDS
        while not self.desk.has_drained.wait(0.005):
            assert time.monotonic() < deadline
            self.tell(*(Removed(late.name) for late in self.removals[0][1].of(RemoveLater)))

    def filled(self, number: int) -> None:
        self.stage.book.wait_for("pool_filled", number)


@pytest.fixture
def estate(stage: Stage) -> Iterator[Estate]:
    made = Estate(stage)
    made.connections()
    yield made
    made.timers.close()


def pools() -> list[Ref]:
    return pykka.ActorRegistry.get_by_class(PoolActor)


def test_without_a_pool_there_is_no_guest(estate: Estate) -> None:
    assert estate.login(estate.stage.surroundings())[1] == NoGuest()
    estate.tell(PoolOrdered(None))
    assert estate.login(estate.stage.surroundings())[1] == NoGuest()
    assert pools() == []


@pytest.mark.parametrize(
    ("other", "served"),
    [
        ({}, True),
        ({"shellCommand": ["/bin/bash"], "containername": "workshop", "disableCommand": True}, True),
        ({"container": {"Image": "sshore/mini:latest", "User": "1000"}}, False),
        ({"container": {"Image": "sshore/mini:latest", "Env": ["A=1"]}}, False),
        ({"container": {"Image": "sshore/mini:latest", "Labels": {"team": "blue"}}}, False),
        ({"host": {"NetworkMode": "none", "Memory": 1 << 26}}, False),
        ({"idleCommand": ["cat"]}, False),
        ({"platform": "linux/arm64"}, False),
        ({"imagePullPolicy": "Always"}, False),
        ({"auth": {"username": "u", "password": "p"}}, False),
    ],
)
def test_who_needs_another_container_gets_none_from_the_pool(
    estate: Estate, other: dict[str, Any], served: bool
) -> None:
    estate.order()
    estate.filled(1)
    _, answer = estate.login(estate.stage.surroundings(**other))
    assert isinstance(answer, GuestReady if served else NoGuest)


def test_without_shells_that_wait_it_is_all_the_same_whom_programs_run_as(estate: Estate) -> None:
    estate.order(primed=False)
    estate.filled(1)
    other = {"container": {"Image": "sshore/mini:latest", "User": "1000"}, "primed": False}
    assert isinstance(estate.login(estate.stage.surroundings(**other))[1], GuestReady)


def test_a_pool_is_no_connection(estate: Estate) -> None:
    estate.order()
    estate.filled(1)
    assert estate.connections() == set()


def test_the_same_configuration_keeps_the_pool_and_another_replaces_it(estate: Estate) -> None:
    estate.order()
    estate.filled(1)
    [first] = pools()
    estate.order(shellCommand=["/bin/bash"])
    estate.connections()
    assert pools() == [first]
    new = estate.order(host={"NetworkMode": "none", "Memory": 1 << 26})
    estate.filled(2)
    assert first.actor_stopped.wait(SECONDS)
    assert isinstance(estate.login(new)[1], GuestReady)
    assert estate.login(estate.stage.surroundings())[1] == NoGuest()
    estate.tell(PoolOrdered(None))
    assert estate.login(new)[1] == NoGuest()


def test_an_asker_who_ends_gives_back_what_he_did_not_take(estate: Estate) -> None:
    surroundings = estate.order()
    estate.filled(1)
    asker, answer = estate.login(surroundings)
    assert isinstance(answer, GuestReady)
    estate.tell(ChildEnded(asker))
    _, again = estate.login(surroundings)
    assert again == answer


def test_a_pool_that_crashed_comes_back(estate: Estate) -> None:
    surroundings = estate.order()
    estate.filled(1)
    [first] = pools()
    post(first, bomb(RuntimeError))
    estate.stage.timers.ring(RestartPool)
    assert first.actor_stopped.wait(SECONDS)
    estate.filled(2)
    assert isinstance(estate.login(surroundings)[1], GuestReady)
    assert estate.stage.count("sshore_actor_failures_total", actor="pool") == 1


def test_a_pool_that_crashed_in_a_drain_does_not_hold_it_up(estate: Estate) -> None:
    surroundings = estate.order()
    estate.filled(1)
    [pool] = pools()
    asker, _ = estate.login(surroundings)
    estate.tell(Drain())
    post(pool, bomb(RuntimeError))
    estate.tell(ChildEnded(asker))
    estate.until_drained()


def handed_out_by_a_crashed_pool(estate: Estate) -> tuple[Ref, Ref, GuestReady]:
    """Have a pool crash behind its answer; return it, who asked, and what he was given."""
    surroundings = estate.order()
    estate.filled(1)
    [pool] = pools()
    asker, answer = estate.login(surroundings)
    assert isinstance(answer, GuestReady)
    post(pool, bomb(RuntimeError))
    return pool, asker, answer


@pytest.mark.parametrize("drain", [False, True])
def test_what_a_crashed_pool_had_handed_out_and_nobody_took_is_removed(estate: Estate, drain: bool) -> None:
    pool, asker, answer = handed_out_by_a_crashed_pool(estate)
    estate.stage.timers.alarms.wait(lambda alarm: isinstance(alarm.message, RestartPool))
    estate.tell(*[Drain()] * drain, ChildEnded(asker))
    name = answer.guest.container.name
    estate.removals[0][1].wait(lambda late: isinstance(late, RemoveLater) and late.name == name)
    assert pool.actor_stopped.wait(SECONDS)
    if drain:
        assert not estate.desk.has_drained.is_set()
        estate.until_drained()


def test_a_crashed_pool_goes_when_what_it_had_handed_out_is_taken(estate: Estate) -> None:
    pool, asker, answer = handed_out_by_a_crashed_pool(estate)
    estate.stage.timers.ring(RestartPool)
    estate.filled(2)
    assert not pool.actor_stopped.is_set()
    post(pool, GuestTaken(asker))
    assert pool.actor_stopped.wait(SECONDS)
    estate.tell(ChildEnded(asker))
    estate.connections()
    assert answer.guest.container.name not in [late.name for late in estate.removals[0][1].of(RemoveLater)]


def test_a_drain_waits_for_the_pool_and_its_containers(estate: Estate) -> None:
    surroundings = estate.order()
    estate.filled(1)
    [pool] = pools()
    asker, answer = estate.login(surroundings)
    assert isinstance(answer, GuestReady)
    estate.tell(Drain())
    estate.connections()
    assert not estate.desk.has_drained.is_set()
    post(answer.pool, GuestTaken(asker))
    estate.tell(ChildEnded(asker))
    estate.until_drained()
    assert pool.actor_stopped.wait(SECONDS)
    assert estate.login(surroundings)[1] == NoGuest()
