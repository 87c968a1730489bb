"""Which containers nobody owns."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sshore.actors.gateway import Gateway
from sshore.actors.sweep import Sweeper
from sshore.engine.errors import TimedOut, Unavailable
from sshore.engine.fake.engine import FAKE_IMAGE
from sshore.engine.types import ContainerSpec
from support.memory import SECONDS
from support.stage import Stage

LIMIT = 120.0


class Yard:
    """A gateway among others, and short ways to make containers of all of them."""

    def __init__(self, stage: Stage, state: Path) -> None:
        self.stage = stage
        self.gateway = Gateway(state)
        self.neighbour = Gateway(state)
        self.stranger = Gateway(state / "elsewhere")
        self.sweeper = Sweeper(stage.engine, self.gateway, stage.ledger, stage.book.log, start_limit=LIMIT)

    def put(
        self, name: str, gateway: Gateway | None, *, running: bool = True, age: float = 0.0, limit: str | None = None
    ) -> None:
        labels = gateway.labels if gateway else {}
        if limit:
            labels["sshore.startLimit"] = limit
        body = {"Image": FAKE_IMAGE, "Cmd": ["cat"], "OpenStdin": True, "Labels": labels}
        made = self.stage.engine.create_container(ContainerSpec(name, body), timeout=SECONDS)
        if running:
            self.stage.engine.start_container(made, timeout=SECONDS)
        self.stage.engine.containers[-1].created -= age

    def close(self) -> None:
        for gateway in (self.gateway, self.neighbour, self.stranger):
            gateway.close()


@pytest.fixture
def yard(stage: Stage, state_dir: Path) -> Iterator[Yard]:
    made = Yard(stage, state_dir)
    yield made
    made.close()


@pytest.mark.parametrize("running", [True, False])
def test_its_own_container_stays_while_somebody_owns_it(yard: Yard, running: bool) -> None:
    yard.stage.ledger.claim("mine")
    yard.put("mine", yard.gateway, running=running, age=10 * LIMIT)
    assert yard.sweeper.stale() == []


def test_a_dead_gateway_that_left_no_container_loses_its_lock(yard: Yard, state_dir: Path) -> None:
    lock = state_dir / "gateways" / "0123456789abcdef"
    lock.touch()
    assert yard.sweeper.stale() == []
    assert not lock.exists()
    assert (state_dir / "gateways" / yard.neighbour.id).exists()


def test_its_own_container_that_is_removed_behind_the_look_is_nobodys_leftover(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    yard.stage.ledger.claim("mine")
    yard.put("mine", yard.gateway)
    look = yard.stage.engine.list_containers

    def look_and_let_it_go(*args: Any, **more: Any) -> Any:
        found = look(*args, **more)
        yard.stage.ledger.release("mine")
        return found

    monkeypatch.setattr(yard.stage.engine, "list_containers", look_and_let_it_go)
    assert yard.sweeper.stale() == []


def test_its_own_container_goes_when_nobody_owns_it(yard: Yard) -> None:
    yard.put("lost", yard.gateway)
    assert yard.sweeper.stale() == ["lost"]


def test_a_living_neighbours_container_stays(yard: Yard) -> None:
    yard.put("theirs", yard.neighbour)
    yard.put("beginning", yard.neighbour, running=False, age=LIMIT / 2)
    assert yard.sweeper.stale() == []


def test_a_dead_neighbours_containers_go(yard: Yard) -> None:
    yard.put("running", yard.neighbour)
    yard.put("created", yard.neighbour, running=False)
    yard.neighbour.close()
    assert yard.sweeper.stale() == ["running", "created"]


def test_a_container_of_another_folder_stays_whoever_died_there(yard: Yard) -> None:
    yard.put("foreign", yard.stranger)
    yard.stranger.close()
    assert yard.sweeper.stale() == []


@pytest.mark.parametrize("owner", ["neighbour", "stranger"])
def test_anybodys_container_that_was_never_started_goes_after_a_while(yard: Yard, owner: str) -> None:
    yard.put("young", getattr(yard, owner), running=False, age=LIMIT - 10)
    yard.put("old", getattr(yard, owner), running=False, age=LIMIT + 10)
    yard.put("old but started", getattr(yard, owner), age=LIMIT + 10)
    assert yard.sweeper.stale() == ["old"]


def test_a_container_may_take_as_long_as_its_own_gateway_allows(yard: Yard) -> None:
    yard.put("patient", yard.neighbour, running=False, age=LIMIT + 10, limit=f"{LIMIT + 20:g}")
    yard.put("impatient", yard.neighbour, running=False, age=10, limit="5")
    yard.put("odd", yard.neighbour, running=False, age=10, limit="soon")
    assert yard.sweeper.stale() == ["impatient"]


def test_what_sshore_did_not_make_stays(yard: Yard) -> None:
    yard.put("a stranger's", None, running=False, age=100 * LIMIT)
    assert yard.sweeper.stale() == []


def test_a_label_that_names_no_gateway_condemns_nothing(yard: Yard) -> None:
    labels = yard.gateway.labels | {"sshore.gateway": "../machine"}
    body = {"Image": FAKE_IMAGE, "Cmd": ["cat"], "OpenStdin": True, "Labels": labels}
    made = yard.stage.engine.create_container(ContainerSpec("odd", body), timeout=SECONDS)
    yard.stage.engine.start_container(made, timeout=SECONDS)
    assert yard.sweeper.stale() == []


@pytest.mark.parametrize("error", [Unavailable, TimedOut])
def test_an_engine_that_does_not_answer_leaves_nothing_to_sweep(yard: Yard, error: type[Exception]) -> None:
    yard.put("lost", yard.gateway)
    yard.stage.engine.faults.fail("container_list", error)
    assert yard.sweeper.stale() == []
    assert yard.stage.book.wait_for("sweep_failed")["code"] == error.code
    assert yard.sweeper.stale() == ["lost"]
