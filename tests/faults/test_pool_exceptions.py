"""An exception in every handler of the pool's actors, of every kind: users are served, and nothing is left of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pykka
import pytest
from sshore.actors import pool_messages
from sshore.actors.connection import ConnectionActor
from sshore.actors.filling import FillingActor
from sshore.actors.pool import PoolActor
from sshore.actors.root import RootActor
from sshore.actors.worker import Worker
from support.client import End, eventually
from support.gatehouse import Gatehouse

from .test_injected_exceptions import BEGINNING, KINDS, Charge, by_name, handled, only, sample

OF_THE_POOL = [(actor, word) for actor in (PoolActor, FillingActor) for word in (*by_name(handled(actor)), BEGINNING)]


@pytest.fixture
async def house(state_dir: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Gatehouse]:
    """A backend with a container that waits, which is soon replaced; afterwards nothing may be left of it."""
    monkeypatch.setattr("sshore.actors.root._RESTART_PAUSE", 0.01)
    monkeypatch.setattr("sshore.actors.fill_pace.FIRST_PAUSE", 0.01)
    monkeypatch.setattr("sshore.actors.fill_pace.LONGEST_PAUSE", 0.01)
    made = Gatehouse(state_dir, pool={"size": 1})
    await made.backend.start()
    yield made
    await made.close()
    assert made.book.of("containers_left_to_the_janitor") == []


async def until_it_waits(house: Gatehouse) -> None:
    await eventually(lambda: [each.running for each in house.engine.containers] == [True], "the one that waits")
    await eventually(lambda: house.count("sshore_pool_waiting") == 1, "the one that waits")
    await eventually(lambda: len(house.backend._janitor.names) == 1, "the release of the other names")


@pytest.mark.parametrize(("actor", "word"), OF_THE_POOL)
async def test_of_a_pool_that_crashes_users_notice_nothing(
    house: Gatehouse, monkeypatch: pytest.MonkeyPatch, actor: type[Worker], word: Any
) -> None:
    charge = Charge(monkeypatch, actor)
    for number, kind in enumerate(KINDS):
        await until_it_waits(house)
        first = by_name(handled(actor))[0] if word is BEGINNING else word
        charge.lay(first, kind)
        if word is BEGINNING:
            # The one that comes back crashes, too.
            charge.lay(BEGINNING, kind)
        only(actor).tell(sample(first, house.root))
        handler = house.login()
        assert (await house.finish(handler, "exit 5"))[1] == End(5)
        handler.disconnect()
        await handler.wait_ended()
        await eventually(lambda number=number: house.count("sshore_actor_failures_total", actor=actor.role) > number)
    await until_it_waits(house)
    await eventually(lambda: len(pykka.ActorRegistry.get_by_class(PoolActor)) == 1, "one pool")


def test_every_message_of_the_pool_is_handled_by_somebody() -> None:
    told = {
        value
        for value in vars(pool_messages).values()
        if isinstance(value, type) and value.__module__ == pool_messages.__name__
    }
    assert told <= set().union(*map(handled, (ConnectionActor, PoolActor, FillingActor, RootActor)))
