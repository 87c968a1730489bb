"""An exception in every handler of every actor, of every kind: it ends what it befell, tells the user, and no more.

The messages are read from the actors' own `match` statements and from the table of transitions: one that is new is
injected into without a word here. Which of them comes when is in tests/backend/test_crashes.py.
"""

from __future__ import annotations

import ast
import asyncio
import inspect
import os
import signal
import sys
import textwrap
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import pykka
import pytest
from sshore.actors import messages, primed, removal_messages, transitions
from sshore.actors.connection import ConnectionActor
from sshore.actors.container_session import ContainerSession
from sshore.actors.exec_session import ExecSession
from sshore.actors.image import ImageActor
from sshore.actors.pull import PullActor
from sshore.actors.ref import Ref
from sshore.actors.refusals import Refused
from sshore.actors.removal import RemovalActor
from sshore.actors.root import RootActor
from sshore.actors.session import SessionActor
from sshore.actors.worker import Worker
from sshore.engine.errors import Conflict
from sshore.engine.fake.engine import FAKE_IMAGE
from support.client import End, eventually
from support.gatehouse import Gatehouse, docker_config

KINDS: list[type[BaseException]] = [
    ValueError,
    MemoryError,
    KeyboardInterrupt,
    SystemExit,
    GeneratorExit,
    asyncio.CancelledError,
]
BEGINNING = "its start"


def handled(actor: type[Worker]) -> set[type]:
    """The classes of the messages that an actor tells apart, in its own methods and its bases'."""
    found: set[type] = set()
    for base in actor.__mro__:
        if issubclass(base, Worker):
            found |= set(_matched(base))
    if issubclass(actor, SessionActor):
        found |= {message for row in transitions._TABLE.values() for message in row}
    return found


def _matched(base: type) -> Iterator[type]:
    names = vars(sys.modules[base.__module__])
    for node in ast.walk(ast.parse(textwrap.dedent(inspect.getsource(base)))):
        if isinstance(node, ast.MatchClass):
            matched: type = names[ast.unparse(node.cls)]
            # What is in a message may be told apart, too: an engine's error.
            if not issubclass(matched, Exception):
                yield matched


def by_name(found: set[type]) -> list[type]:
    return sorted(found, key=lambda message: message.__name__)


def sample(message: type, neighbour: Ref) -> Any:
    """One of that class; where an actor is named in it, it is the neighbour."""
    people = {"child", "session", "asker", "image"}
    return message(**{field.name: neighbour if field.name in people else None for field in fields(message)})


class Charge:
    """Makes the next actor of a class that handles one of a message crash; BEGINNING is where it starts."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, actor: type[Worker]) -> None:
        self._charges: list[tuple[object, BaseException, Ref | None]] = []
        handle, started = actor.handle, actor.started

        def handle_or_crash(me: Worker, word: object) -> None:
            self._burst(type(word), me)
            handle(me, word)

        def start_or_crash(me: Worker) -> None:
            self._burst(BEGINNING, me)
            started(me)

        monkeypatch.setattr(actor, "handle", handle_or_crash)
        monkeypatch.setattr(actor, "started", start_or_crash)

    def lay(self, where: object, kind: type[BaseException], whose: Ref | None = None) -> None:
        """Without `whose` it is anybody's. Others of the class may come to the same message by themselves."""
        self._charges.append((where, kind("injected"), whose))

    def _burst(self, where: object, me: Worker) -> None:
        if self._charges and self._charges[0][0] is where and self._charges[0][2] in (None, me.actor_ref):
            raise self._charges.pop(0)[1]


@asynccontextmanager
async def opened(state: Path, mode: str) -> AsyncIterator[Gatehouse]:
    house = Gatehouse(state, mode=mode)
    await house.backend.start()
    yield house
    await house.close()


@pytest.fixture
async def house(request: pytest.FixtureRequest, state_dir: Path) -> AsyncIterator[Gatehouse]:
    """A backend that runs; afterwards nothing may be left of it."""
    async with opened(state_dir, getattr(request, "param", "connection")) as house:
        yield house


def only(actor: type[Worker]) -> Ref:
    [ref] = pykka.ActorRegistry.get_by_class(actor)
    return ref


def internal_error(end: End | Refused) -> bool:
    return isinstance(end, Refused) and (end.code, end.status) == ("INTERNAL_ERROR", 255)


# Sessions.

SESSIONS = {"connection": ExecSession, "session": ContainerSession}
OF_SESSIONS = [(mode, word) for mode, actor in SESSIONS.items() for word in (*by_name(handled(actor)), BEGINNING)]


@pytest.mark.parametrize(("house", "word"), OF_SESSIONS, indirect=["house"])
async def test_of_a_session_that_crashes_its_siblings_notice_nothing(
    house: Gatehouse, monkeypatch: pytest.MonkeyPatch, word: Any
) -> None:
    mode = house.backend.docker.execution.mode.value
    charge = Charge(monkeypatch, SESSIONS[mode])
    handler, other = house.login("alice"), house.login("bob")
    sibling, sibling_client = house.run(handler, "read line; exit 3", 1)
    stranger, stranger_client = house.run(other, "read line; exit 4")
    await house.until_programs_run(2)
    known = set(pykka.ActorRegistry.get_by_class(SESSIONS[mode]))
    for number, kind in enumerate(KINDS):
        if word is BEGINNING:
            charge.lay(word, kind)
        victim, client = house.run(handler, "echo up; cat", 2)
        if word is not BEGINNING:
            await client.until_stdout(b"up\n")
            [actor] = set(pykka.ActorRegistry.get_by_class(SESSIONS[mode])) - known
            charge.lay(word, kind, actor)
            actor.tell(sample(word, actor))
        end = await client.until_end()
        assert internal_error(end) or (word is BEGINNING and end.status == 255), (kind, end)
        victim.close()
        await eventually(lambda: set(pykka.ActorRegistry.get_by_class(SESSIONS[mode])) == known)
        assert house.count("sshore_actor_failures_total", actor="session") == number + 1
    if mode == "session":
        await eventually(lambda: len(house.engine.containers) == 2)
    for session, its_client, status in ((sibling, sibling_client, 3), (stranger, stranger_client, 4)):
        session.write_eof()
        assert await its_client.until_end() == End(status)
        session.close()
    for one in (handler, other):
        one.disconnect()
        await asyncio.wait_for(one.wait_ended(), 10)
    await house.until_empty()
    assert house.count("sshore_sessions_current") == 0


# Connections.


@pytest.mark.parametrize("word", [*by_name(handled(ConnectionActor)), BEGINNING])
async def test_of_a_connection_that_crashes_others_notice_nothing(
    house: Gatehouse, monkeypatch: pytest.MonkeyPatch, word: Any
) -> None:
    charge = Charge(monkeypatch, ConnectionActor)
    other = house.login("bob")
    stranger, stranger_client = house.run(other, "read line; exit 4")
    await house.until_programs_run(1)
    neighbour = only(ConnectionActor)
    for number, kind in enumerate(KINDS):
        failures: list[Refused] = []
        if word is BEGINNING:
            charge.lay(word, kind)
        handler = house.connect()
        handler.on_failure = failures.append
        handler.handshake_success("alice")
        session, client = house.run(handler, "echo up; cat")
        if word is not BEGINNING:
            await client.until_stdout(b"up\n")
            [actor] = set(pykka.ActorRegistry.get_by_class(ConnectionActor)) - {neighbour}
            charge.lay(word, kind, actor)
            actor.tell(sample(word, actor))
        assert (await client.until_end()).status == 255
        await asyncio.wait_for(handler.wait_ended(), 10)
        assert [failure.code for failure in failures] == ["INTERNAL_ERROR"], kind
        session.close()
        handler.disconnect()
        await eventually(lambda: len(house.engine.containers) == 1)
        assert house.count("sshore_actor_failures_total", actor="connection") == number + 1
    stranger.write_eof()
    assert await stranger_client.until_end() == End(4)
    stranger.close()
    other.disconnect()
    await house.until_empty()
    assert house.count("sshore_connections_current") == 0


# Images and removals come back.


def pulling(house: Gatehouse) -> dict[str, Any]:
    """Make every container cost a pull."""
    house.engine.registry[FAKE_IMAGE] = house.engine.images[FAKE_IMAGE]
    return {"docker": docker_config(imagePullPolicy="Always")}


@pytest.mark.parametrize("word", [*by_name(handled(ImageActor)), BEGINNING])
async def test_who_waits_for_an_image_whose_actor_crashes_is_told_and_the_next_gets_it(
    house: Gatehouse, monkeypatch: pytest.MonkeyPatch, word: Any
) -> None:
    charge, own = Charge(monkeypatch, ImageActor), pulling(house)
    for number, kind in enumerate(KINDS):
        release = house.engine.faults.hang("image_pull")
        if word is BEGINNING:
            charge.lay(word, kind)
        unlucky = house.login(**own)
        session, client = house.run(unlucky, "true")
        if word is not BEGINNING:
            pulls = 2 * number
            await eventually(lambda pulls=pulls: house.engine.faults.calls("image_pull") > pulls)
            charge.lay(word, kind)
            only(ImageActor).tell(sample(word, house.root))
        end = await client.until_end()
        assert internal_error(end), (kind, end)
        session.close()
        unlucky.disconnect()
        release()
        assert (await house.finish(house.login(**own), "exit 5"))[1] == End(5)
        assert house.count("sshore_actor_failures_total", actor="image") == number + 1
        await eventually(lambda: not pykka.ActorRegistry.get_by_class(PullActor))


async def test_who_waits_for_a_pull_that_crashes_is_told_and_the_next_gets_it(
    house: Gatehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    # It handles no message: the pull is its start.
    assert handled(PullActor) == set()
    charge, own = Charge(monkeypatch, PullActor), pulling(house)
    for kind in KINDS:
        charge.lay(BEGINNING, kind)
        end = (await house.finish(house.login(**own), "true"))[1]
        assert internal_error(end), (kind, end)
        assert (await house.finish(house.login(**own), "exit 5"))[1] == End(5)


@pytest.mark.parametrize("word", [*by_name(handled(RemovalActor)), BEGINNING])
async def test_a_removal_actor_that_crashes_comes_back_and_forgets_nothing(
    house: Gatehouse, monkeypatch: pytest.MonkeyPatch, word: Any
) -> None:
    monkeypatch.setattr("sshore.actors.root._RESTART_PAUSE", 0.01)
    charge = Charge(monkeypatch, RemovalActor)
    for number, kind in enumerate(KINDS):
        handler = house.login()
        assert (await house.finish(handler, "exit 1"))[1] == End(1)
        # One of the connection's own removal, the others of the removal actor's.
        house.engine.faults.fail("container_remove", Conflict, times=3)
        charge.lay(removal_messages.Sweep if word is BEGINNING else word, kind)
        if word is BEGINNING:
            # The one that comes back crashes, too.
            charge.lay(BEGINNING, kind)
        only(RemovalActor).tell(sample(removal_messages.Sweep if word is BEGINNING else word, house.root))
        handler.disconnect()
        await house.until_empty()
        await eventually(lambda number=number: house.count("sshore_actor_failures_total", actor="removal") > number)
        await eventually(lambda: len(pykka.ActorRegistry.get_by_class(RemovalActor)) == 1)


# The root.


@pytest.mark.parametrize("word", [*by_name(handled(RootActor)), BEGINNING])
async def test_a_root_that_crashes_is_told_to_the_backend_and_everything_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, word: Any
) -> None:
    charge = Charge(monkeypatch, RootActor)
    for kind in KINDS:
        if word is BEGINNING:
            charge.lay(word, kind)
        async with opened(tmp_path / kind.__name__, "connection") as house:
            if word is BEGINNING:
                assert type(await asyncio.wait_for(house.backend.root_failure, 10)) is kind
                continue
            handler = house.login()
            session, client = house.run(handler, "echo up; cat")
            await client.until_stdout(b"up\n")
            charge.lay(word, kind)
            house.root.tell(sample(word, only(ConnectionActor)))
            assert type(await asyncio.wait_for(house.backend.root_failure, 10)) is kind
            assert (await client.until_end()).status == 255
            await asyncio.wait_for(handler.wait_ended(), 10)
            await house.until_empty()
            session.close()


# What is no actor.


@pytest.mark.parametrize("kind", KINDS)
async def test_the_watcher_of_ends_goes_on_behind_an_exception(
    house: Gatehouse, monkeypatch: pytest.MonkeyPatch, kind: type[BaseException]
) -> None:
    handler = house.login()
    session, client = house.run(handler, "read line; exit 3")
    await house.until_programs_run(1)
    begun, events = len(house.book.of("engine_events_watched")), house.engine.events
    charges = [kind("injected")]

    def burst(*args: Any, **more: Any) -> Any:
        if charges:
            raise charges.pop()
        return events(*args, **more)

    monkeypatch.setattr(house.engine, "events", burst)
    house.engine.lose_connections()
    await asyncio.to_thread(house.book.wait_for, "engine_events_watched", begun + 1)
    assert not charges
    assert house.book.of("engine_events_failed")
    session.close()
    again, its_client = house.run(house.login("bob"), "exit 4")
    assert await its_client.until_end() == End(4)
    again.close()
    assert client.ends


@pytest.mark.parametrize("kind", KINDS)
async def test_a_janitor_whose_start_fails_is_started_in_the_end(
    house: Gatehouse, monkeypatch: pytest.MonkeyPatch, kind: type[BaseException]
) -> None:
    link = house.backend._janitor
    first, launch = link.pid, link._launch
    charges = [kind("injected"), kind("injected again")]

    def burst() -> Any:
        if charges:
            raise charges.pop()
        return launch()

    monkeypatch.setattr(link, "_launch", burst)
    os.kill(first, signal.SIGKILL)
    await eventually(lambda: link.pid != first, "another janitor")
    assert len(house.book.of("janitor_start_failed")) == 2
    os.kill(link.pid, 0)
    assert (await house.finish(house.login(), "exit 5"))[1] == End(5)


def test_every_message_is_handled_by_somebody() -> None:
    actors = (ConnectionActor, ExecSession, ContainerSession, ImageActor, RemovalActor, RootActor)
    answers = {messages.Exited}
    told = {
        value
        for vocabulary in (messages, primed, removal_messages)
        for value in vars(vocabulary).values()
        if is_dataclass(value) and value.__module__ == vocabulary.__name__
    }
    assert told - answers <= set().union(*map(handled, actors))
