"""A backend whose containers wait for users."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pykka
import pytest
from sshore.actors import fill_pace
from sshore.actors.pool import PoolActor
from sshore.engine.errors import Conflict, Unavailable
from support.client import SECONDS, End, eventually
from support.gatehouse import Gatehouse, docker_config

from .test_supervision_tree import registered

SIZE = 2
WITH_POOL = ["FillingActor", "PoolActor", "RemovalActor", "RootActor"]


@pytest.fixture
async def house(state_dir: Path) -> AsyncIterator[Gatehouse]:
    """A backend with a full pool; afterwards nothing may be left of it."""
    made = Gatehouse(state_dir, pool={"size": SIZE})
    await made.backend.start()
    await until_waiting(made)
    yield made
    await made.close()
    assert made.book.of("containers_left_to_the_janitor") == []


def settle(house: Gatehouse) -> None:
    """Have root and pool handle what they were told by now."""
    [pool] = pykka.ActorRegistry.get_by_class(PoolActor)
    house.root.proxy().children.get(timeout=SECONDS)
    pool.proxy().waiting.get(timeout=SECONDS)


async def until_waiting(house: Gatehouse, number: int = SIZE) -> None:
    await eventually(lambda: house.count("sshore_pool_waiting") == number, f"{number} that wait")


async def test_no_two_users_have_the_same_container_and_each_runs_what_he_asked_for(house: Gatehouse) -> None:
    seen = []
    for user in ("alice", "bob", "carol"):
        handler = house.login(user)
        _, end = await house.finish(handler, "exit 3")
        assert end == End(3)
        seen.append(house.book.wait_for("container_taken", len(seen) + 1))
        handler.disconnect()
        await handler.wait_ended()
        await until_waiting(house)
    assert [line["user"] for line in seen] == ["alice", "bob", "carol"]
    assert len({line["container"] for line in seen}) == len({line["pooled"] for line in seen}) == 3
    assert len(house.engine.containers) == SIZE
    assert house.count("sshore_pool_logins_total", result="hit") == 3


async def test_a_crowd_is_served_from_the_pool_and_cold(house: Gatehouse) -> None:
    handlers = [house.login(f"user{number}") for number in range(10)]
    ends = await asyncio.gather(*(house.finish(handler, "exit 4") for handler in handlers))
    assert {end for _, end in ends} == {End(4)}
    hits, misses = (house.count("sshore_pool_logins_total", result=result) for result in ("hit", "miss"))
    assert hits >= SIZE
    assert hits + misses == 10
    for handler in handlers:
        handler.disconnect()
        await handler.wait_ended()
    await until_waiting(house)
    await eventually(lambda: len(house.engine.containers) == SIZE, "the crowd's containers' end")


async def test_logins_that_end_at_once_leave_the_pool_as_it_was(house: Gatehouse) -> None:
    for number in range(20):
        house.login(f"user{number}").disconnect()
    await eventually(lambda: not house.connections(), "the connections' end")
    await until_waiting(house)
    await eventually(lambda: len(house.engine.containers) == SIZE, "the users' containers' end")
    assert len(house.backend._janitor.names) == SIZE


async def test_a_connection_may_want_none_of_it(house: Gatehouse) -> None:
    handler = house.login(docker=docker_config(containername="cold"))
    assert (await house.finish(handler, "exit 1"))[1] == End(1)
    assert house.count("sshore_pool_logins_total", result="hit") == 0
    other = house.login(docker=docker_config(mode="session"))
    assert (await house.finish(other, "exit 1"))[1] == End(1)
    assert house.count("sshore_pool_waiting") == SIZE


async def test_another_configuration_takes_effect_on_the_pool_too(house: Gatehouse) -> None:
    before = {container.id for container in house.engine.containers}
    house.backend.configure(docker_config(pool={"size": 1}, container={"Image": "sshore/mini:latest", "Env": ["A=1"]}))
    await eventually(lambda: before.isdisjoint({each.id for each in house.engine.containers}), "the old ones' end")
    await until_waiting(house, 1)
    handler = house.login()
    assert (await house.finish(handler, "exit 6"))[1] == End(6)
    house.book.wait_for("container_taken")
    assert house.engine.containers[0].spec.config["Env"] == ["A=1"]
    house.backend.configure(docker_config())
    await until_waiting(house, 0)
    await eventually(lambda: registered() == ["ConnectionActor", "RemovalActor", "RootActor"], "the pool's end")


async def test_the_tree_has_a_pool_and_who_fills_it(house: Gatehouse) -> None:
    assert registered() == WITH_POOL
    await house.backend.shutdown(SECONDS)
    await eventually(lambda: pykka.ActorRegistry.get_all() == [], "the last actor's end")
    await house.until_empty()


async def test_without_a_pool_nothing_of_it_lives(state_dir: Path) -> None:
    house = Gatehouse(state_dir)
    await house.backend.start()
    assert (await house.finish(house.login(), "exit 1"))[1] == End(1)
    assert {"PoolActor", "FillingActor"}.isdisjoint(registered())
    assert house.engine.faults.calls("container_list") <= 1
    await house.close()


@pytest.mark.parametrize("operation", ["container_create", "container_start", "image_inspect"])
async def test_a_shutdown_in_the_middle_of_a_fill_leaves_nothing(state_dir: Path, operation: str) -> None:
    house = Gatehouse(state_dir, pool={"size": SIZE})
    release = house.engine.faults.hang(operation)
    await house.backend.start()
    await eventually(lambda: house.engine.faults.calls(operation) > 0, "the fill")
    shutdown = asyncio.create_task(house.backend.shutdown(SECONDS))
    await asyncio.sleep(0)  # has it begin
    settle(house)
    release()
    await shutdown
    assert house.engine.containers == []
    assert house.book.of("containers_left_to_the_janitor") == []
    await house.close()


async def test_a_shutdown_waits_for_the_pools_containers_whose_removal_fails(house: Gatehouse) -> None:
    house.engine.faults.fail("container_remove", Unavailable, times=6)
    await house.backend.shutdown(20)
    assert house.engine.containers == []
    assert house.book.of("containers_left_to_the_janitor") == []


async def test_the_sweep_takes_none_that_waits_or_was_handed_out(
    state_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sshore.backend.backend._SWEEP_EVERY", 0.02)
    house = Gatehouse(state_dir, pool={"size": SIZE})
    await house.backend.start()
    await until_waiting(house)
    handler = house.login()
    session, _ = house.run(handler, "cat")
    await eventually(lambda: house.engine.faults.calls("container_rename") == 1, "the new name")
    listed = house.engine.faults.calls("container_list")
    await eventually(lambda: house.engine.faults.calls("container_list") > listed + 5, "some sweeps")
    assert house.book.of("container_swept") == []
    session.close()
    await house.close()


async def test_an_engine_that_comes_back_fills_the_pool_again(
    house: Gatehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A pause behind a failure is longer than anybody waits here, and a death is none.
    monkeypatch.setattr(fill_pace, "FIRST_PAUSE", fill_pace.LONGEST_PAUSE)
    monkeypatch.setattr(fill_pace, "YOUNG_SECONDS", 0.0)
    house.engine.faults.fail("container_start", Conflict)
    house.login("bob")
    await eventually(lambda: bool(house.book.of("pool_fill_failed")), "the failure")
    house.engine.go_away()
    for container in house.engine.containers:
        await eventually(container.gone.is_set, "the engine's containers' end")
    house.engine.come_back()
    await eventually(lambda: house.count("sshore_pool_fill_seconds_count") >= 2 * SIZE, "the pool's fill")
    await until_waiting(house)
    assert len(house.book.of("pool_fill_failed")) == 1
    assert (await house.finish(house.login(), "exit 5"))[1] == End(5)
