"""Every actor crashes once, in every handler: whoever has nothing to do with it does not notice."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pykka
import pytest
from sshore.actors import messages, removal_messages
from sshore.actors.connection import ConnectionActor
from sshore.actors.container_session import ContainerSession
from sshore.actors.exec_session import ExecSession
from sshore.actors.image import ImageActor
from sshore.actors.ref import Ref
from sshore.actors.refusals import Refused
from sshore.actors.removal import RemovalActor
from sshore.actors.root import RootActor
from sshore.actors.worker import Worker
from sshore.engine.errors import Conflict
from sshore.engine.types import ProgramEnded
from support.client import End, eventually
from support.gatehouse import Gatehouse

ERRORS = [ValueError, SystemExit]
both_errors = pytest.mark.parametrize("error", ERRORS)

Arm = Callable[[type[Worker], type, type[BaseException]], None]


@pytest.fixture
def arm(monkeypatch: pytest.MonkeyPatch) -> Arm:
    """Make the next actor of a class that handles a message of a class crash on it."""

    def armed(actor: type[Worker], message: type, error: type[BaseException]) -> None:
        handle = actor.handle
        charges = [error("injected")]

        def handle_or_crash(self: Worker, word: object) -> None:
            if isinstance(word, message) and charges:
                raise charges.pop()
            handle(self, word)

        monkeypatch.setattr(actor, "handle", handle_or_crash)

    return armed


def crashes(house: Gatehouse, actor: str) -> float:
    return house.count("sshore_actor_failures_total", actor=actor)


# Sessions.

SESSION_WORDS = [messages.RunExec, messages.StreamOpened, messages.SendSignal]


@both_errors
@pytest.mark.parametrize("word", [*SESSION_WORDS, messages.ContainerReady])
async def test_a_session_that_crashes_is_told_and_its_siblings_run_on(
    house: Gatehouse, arm: Arm, word: type, error: type[BaseException]
) -> None:
    handler, other = house.login("alice"), house.login("bob")
    sibling, sibling_client = house.run(handler, "read line; echo $line; exit 3", 1)
    stranger, stranger_client = house.run(other, "read line; exit 4")
    await house.until_programs_run(2)
    arm(ExecSession, word, error)
    victim, client = house.run(handler, "trap : USR1; echo up; wait", 2)
    if word is messages.SendSignal:
        await client.until_stdout(b"up\n")
        victim.signal("USR1")
    end = await client.until_end()
    assert isinstance(end, Refused)
    assert (end.code, end.status) == ("INTERNAL_ERROR", 255)
    victim.close()
    sibling.write(b"unharmed\n")
    assert await sibling_client.until_end() == End(3)
    stranger.write(b"unharmed\n")
    assert await stranger_client.until_end() == End(4)
    assert bytes(sibling_client.stdout) == b"unharmed\n"
    assert crashes(house, "session") == 1
    assert house.book.wait_for("actor_failed")["actor"] == "session"
    for session in (sibling, stranger):
        session.close()


@both_errors
async def test_a_session_that_crashes_takes_its_program_along(
    house: Gatehouse, arm: Arm, error: type[BaseException]
) -> None:
    handler = house.login()
    arm(ExecSession, messages.SendSignal, error)
    victim, client = house.run(handler, "echo up; sleep 1000")
    await client.until_stdout(b"up\n")
    [made] = house.container().execs.values()
    victim.signal("USR1")
    await client.until_end()
    await eventually(lambda: made.state.exit_code == 129)
    victim.close()


@both_errors
async def test_a_session_that_crashes_when_its_output_ends_is_told(
    house: Gatehouse, arm: Arm, error: type[BaseException]
) -> None:
    house.engine.drop_events()
    arm(ExecSession, messages.OutputEnded, error)
    _, end = await house.finish(house.login(), "echo up")
    assert isinstance(end, Refused)
    assert end.code == "INTERNAL_ERROR"


@both_errors
async def test_a_session_that_crashes_while_it_ends_is_released_all_the_same(
    house: Gatehouse, arm: Arm, error: type[BaseException]
) -> None:
    handler = house.login()
    arm(ExecSession, messages.ChannelClosed, error)
    session, client = house.run(handler, "exit 2")
    assert await client.until_end() == End(2)
    session.close()
    await eventually(lambda: not house.sessions())
    assert house.count("sshore_sessions_current") == 0
    assert crashes(house, "session") == 1


@both_errors
@pytest.mark.parametrize("house", ["session"], indirect=True)
@pytest.mark.parametrize("word", [*SESSION_WORDS, messages.GuardDue, messages.ChannelClosed])
async def test_in_session_mode_its_container_goes_with_it(
    house: Gatehouse, arm: Arm, word: type, error: type[BaseException]
) -> None:
    handler = house.login()
    sibling, sibling_client = house.run(handler, "read line; exit 3", 1)
    await house.until_programs_run(1)
    if word is messages.GuardDue:
        # The sibling's guard must not be the one that crashes.
        await eventually(lambda: bool(house.container().execs))
    arm(ContainerSession, word, error)
    victim, client = house.run(handler, "trap : USR1; echo up; wait; echo done", 2)
    if word is messages.SendSignal:
        await client.until_stdout(b"up\n")
        victim.signal("USR1")
    if word is messages.ChannelClosed:
        await client.until_stdout(b"up\n")
        victim.close()
    else:
        end = await client.until_end()
        assert isinstance(end, Refused)
        assert end.code == "INTERNAL_ERROR"
    await eventually(lambda: len(house.engine.containers) == 1)
    assert crashes(house, "session") == 1
    victim.close()
    sibling.write_eof()
    assert await sibling_client.until_end() == End(3)
    sibling.close()


# Connections.


@both_errors
@pytest.mark.parametrize(
    "word", [messages.Authenticated, messages.ChildStarted, messages.ContainerWanted, messages.ControlLine]
)
async def test_a_connection_that_crashes_ends_its_sessions_and_no_others(
    house: Gatehouse, arm: Arm, word: type, error: type[BaseException]
) -> None:
    other = house.login("bob")
    stranger, stranger_client = house.run(other, "read line; exit 4")
    await house.until_programs_run(1)
    failures: list[Refused] = []
    arm(ConnectionActor, word, error)
    handler = house.login("alice")
    handler.on_failure = failures.append
    session, client = house.run(handler, "trap : USR1; echo up; wait")
    if word is messages.ControlLine:
        await client.until_stdout(b"up\n")
        session.signal("USR1")
    end = await client.until_end()
    assert end.status == 255
    await asyncio.wait_for(handler.wait_ended(), 10)
    assert [failure.code for failure in failures] == ["INTERNAL_ERROR"]
    assert crashes(house, "connection") == 1
    await eventually(lambda: len(house.engine.containers) == 1)
    stranger.write_eof()
    assert await stranger_client.until_end() == End(4)
    session.close()
    stranger.close()
    handler.disconnect()


@both_errors
async def test_a_connection_that_crashes_while_it_ends_leaves_nothing(
    house: Gatehouse, arm: Arm, error: type[BaseException]
) -> None:
    handler = house.login()
    assert (await house.finish(handler, "exit 1"))[1] == End(1)
    arm(ConnectionActor, messages.Disconnected, error)
    handler.disconnect()
    await asyncio.wait_for(handler.wait_ended(), 10)
    await house.until_empty()


@both_errors
async def test_a_session_of_a_connection_that_crashed_is_refused(
    house: Gatehouse, arm: Arm, error: type[BaseException]
) -> None:
    arm(ConnectionActor, messages.Authenticated, error)
    handler = house.login()
    await asyncio.wait_for(handler.wait_ended(), 10)
    session, client = house.run(handler, "true")
    end = await client.until_end()
    assert isinstance(end, Refused)
    assert end.code == "CONNECTION_ENDING"
    session.close()


# Images and removals, which come back.


@both_errors
async def test_an_image_actor_that_crashes_is_told_and_comes_back(
    house: Gatehouse, arm: Arm, error: type[BaseException]
) -> None:
    execution = type(house.backend.docker.execution).model_validate(
        {
            "container": {"Image": "sshore/mini:latest"},
            "host": {"NetworkMode": "none"},
            "imagePullPolicy": "Always",
        }
    )
    own = house.backend.docker.model_copy(update={"execution": execution})
    house.engine.registry["sshore/mini:latest"] = house.engine.images["sshore/mini:latest"]
    arm(ImageActor, messages.ImageWanted, error)
    unlucky = house.login(docker=own)
    _, end = await house.finish(unlucky, "true")
    assert isinstance(end, Refused)
    assert end.code == "INTERNAL_ERROR"
    assert (await house.finish(house.login(docker=own), "exit 5"))[1] == End(5)
    assert crashes(house, "image") == 1


@both_errors
@pytest.mark.parametrize("word", [messages.RemoveLater, removal_messages.RetryRemovals, removal_messages.Sweep])
async def test_a_removal_actor_that_crashes_comes_back_and_forgets_nothing(
    house: Gatehouse, arm: Arm, word: type, error: type[BaseException]
) -> None:
    handler = house.login()
    assert (await house.finish(handler, "exit 1"))[1] == End(1)
    arm(RemovalActor, word, error)
    # One of the connection's own removal, two of the removal actor's.
    house.engine.faults.fail("container_remove", Conflict, times=3)
    if word is removal_messages.Sweep:
        [removals] = pykka_refs(RemovalActor)
        removals.tell(removal_messages.Sweep())
    handler.disconnect()
    await house.until_empty()
    await eventually(lambda: crashes(house, "removal") == 1)
    await eventually(lambda: len(pykka_refs(RemovalActor)) == 1)


def pykka_refs(actor: type[Worker]) -> list[Ref]:
    return pykka.ActorRegistry.get_by_class(actor)


# The root.


@both_errors
@pytest.mark.parametrize("word", [messages.ChildStarted, messages.RemoveLater, messages.ChildEnded])
async def test_a_root_that_crashes_is_told_to_the_backend_and_everything_goes(
    house: Gatehouse, arm: Arm, word: type, error: type[BaseException]
) -> None:
    handler = house.login("alice")
    session, client = house.run(handler, "echo up; cat")
    await client.until_stdout(b"up\n")
    arm(RootActor, word, error)
    if word is messages.ChildStarted:
        house.login("bob")
    elif word is messages.RemoveLater:
        house.root.tell(messages.RemoveLater("box", may_come=False))
    else:
        house.root.tell(messages.ChildEnded(house.root))
    failure = await asyncio.wait_for(house.backend.root_failure, 10)
    assert type(failure) is error
    assert (await client.until_end()).status == 255
    await asyncio.wait_for(handler.wait_ended(), 10)
    await house.until_empty()
    session.close()


async def test_a_shutdown_whose_root_crashes_waits_for_nobody(state_dir: Path, arm: Arm) -> None:
    house = Gatehouse(state_dir)
    await house.backend.start()
    janitor = house.backend._janitor.pid
    assert (await house.finish(house.login(), "exit 1"))[1] == End(1)
    arm(RootActor, messages.Drain, ValueError)
    async with asyncio.timeout(10):
        await house.backend.shutdown(1000)
    assert isinstance(house.backend.root_failure.result(), ValueError)
    await house.until_empty()
    # It may have been told of the container before that was gone, and looks for the engine, which is nowhere.
    with contextlib.suppress(ProcessLookupError):
        os.kill(janitor, signal.SIGKILL)
    await house.close()


async def test_an_end_of_a_program_that_nobody_expects_does_no_harm(house: Gatehouse) -> None:
    handler = house.login()
    session, client = house.run(handler, "read line; exit 1")
    await house.until_programs_run(1)
    [actor] = house.sessions()
    actor.tell(ProgramEnded(77))
    session.write_eof()
    assert await client.until_end() == End(77)
    session.close()
