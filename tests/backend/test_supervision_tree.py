"""The supervision tree before, during and after sessions, as the actors themselves show it."""

from __future__ import annotations

import threading

import pykka
import pytest
from sshore.actors.ref import Ref
from sshore.config.models import PullPolicy
from support.client import SECONDS, End, eventually
from support.gatehouse import Gatehouse

Tree = dict[str, dict[str, list[str]]]

IDLE: list[str] = ["RemovalActor", "RootActor"]


def registered() -> list[str]:
    """Return the classes of all living actors."""
    return sorted(ref.actor_class.__name__ for ref in pykka.ActorRegistry.get_all())


def children(ref: Ref) -> frozenset[Ref]:
    found: frozenset[Ref] = ref.proxy().children.get(timeout=SECONDS)
    return found


def branches(house: Gatehouse) -> list[list[str]]:
    """Return the classes of every connection's sessions, walking down from the root."""
    connections = children(house.root)
    assert {ref.actor_class.__name__ for ref in connections} <= {"ConnectionActor"}
    return sorted(sorted(child.actor_class.__name__ for child in children(ref)) for ref in connections)


async def until(house: Gatehouse, actors: list[str], tree: list[list[str]]) -> None:
    """Wait until these actors live, hanging on the root in this way, each in a thread of its own."""
    await eventually(lambda: registered() == sorted(actors), f"{actors} instead of {registered()}")
    await eventually(lambda: branches(house) == tree, f"{tree} instead of {branches(house)}")
    names = [thread.name.rpartition("-")[0] for thread in threading.enumerate() if thread not in house.threads]
    assert sorted(name for name in names if name.endswith(("Actor", "Session"))) == sorted(actors)


@pytest.mark.parametrize(
    ("house", "kind"), [("connection", "ExecSession"), ("session", "ContainerSession")], indirect=["house"]
)
async def test_the_tree_grows_and_goes_with_its_connections_and_sessions(house: Gatehouse, kind: str) -> None:
    await until(house, IDLE, [])

    first = house.connect()
    await until(house, IDLE, [])
    first.handshake_success("alice")
    await until(house, [*IDLE, "ConnectionActor"], [[]])

    one, one_client = house.run(first, "read line; exit 1", 1)
    two, two_client = house.run(first, "read line; exit 2", 2)
    second = house.login("bob")
    other, other_client = house.run(second, "read line; exit 3", 1)
    await house.until_programs_run(3)
    await until(house, [*IDLE, "ConnectionActor", "ConnectionActor", kind, kind, kind], [[kind], [kind, kind]])

    one.write_eof()
    assert await one_client.until_end() == End(1)
    await until(house, [*IDLE, "ConnectionActor", "ConnectionActor", kind, kind, kind], [[kind], [kind, kind]])
    one.close()
    await until(house, [*IDLE, "ConnectionActor", "ConnectionActor", kind, kind], [[kind], [kind]])

    second.disconnect()
    await second.wait_ended()
    assert other_client.ends == []
    await until(house, [*IDLE, "ConnectionActor", kind], [[kind]])

    two.close()
    await until(house, [*IDLE, "ConnectionActor"], [[]])
    first.disconnect()
    await first.wait_ended()
    await until(house, IDLE, [])
    await house.until_empty()
    assert two_client.ends == []
    other.close()


async def test_an_image_actor_lives_beside_the_connections_as_long_as_its_pull(house: Gatehouse) -> None:
    execution = house.backend.docker.execution.model_copy(update={"image_pull_policy": PullPolicy.ALWAYS})
    house.engine.registry["sshore/mini:latest"] = house.engine.images["sshore/mini:latest"]
    release = house.engine.faults.hang("image_pull")
    handler = house.login(docker=house.backend.docker.model_copy(update={"execution": execution}))
    await until(house, [*IDLE, "ConnectionActor", "ImageActor", "PullActor"], [[]])
    handler.disconnect()
    await handler.wait_ended()
    # The next who comes will want the image.
    await until(house, [*IDLE, "ImageActor", "PullActor"], [])
    release()
    await until(house, IDLE, [])


async def test_nothing_lives_before_the_start_or_behind_the_shutdown(house: Gatehouse) -> None:
    for user in ("alice", "bob"):
        house.run(house.login(user), "cat")
    await house.until_programs_run(2)
    assert registered().count("ExecSession") == 2
    await house.backend.shutdown(SECONDS)
    await eventually(lambda: registered() == [], "the last actor's end")
    await house.threads_are_gone()
