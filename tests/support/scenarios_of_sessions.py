"""Scenarios of what happens between a session and its engine."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import asyncssh
import pytest
from sshore.actors.exec_session import ExecSession
from sshore.actors.messages import RunExec, RunSubsystem
from sshore.actors.refusals import Refused, RefusedError
from sshore.backend.connection import ConnectionHandler
from sshore.backend.pid_line import MOST_OUTPUT
from sshore.engine.errors import (
    AccessDenied,
    Conflict,
    EngineError,
    NotFound,
    RegistryDenied,
    ServerFault,
    Unavailable,
)
from sshore.engine.errors import Refused as EngineRefused
from sshore.engine.fake import guest
from sshore.engine.fake.process import FakeProcess
from sshore.engine.types import ContainerDied
from sshore.metrics.codes import Code
from sshore.ssh.key_options import KeyPermissions

from .client import Client
from .gatehouse import Gatehouse
from .open_door import let_in
from .piped_session import PipedSession
from .scenarios import in_house

ABSENT = "registry.example/absent:1"


async def told(
    house: Gatehouse, handler: ConnectionHandler, what: str | RunSubsystem = "true", channel: int = 1
) -> str:
    """Run a program to its end; return the sentence about it."""
    session, client = house.run(handler, what, channel)
    session.write_eof()
    sentence = await last_word(client)
    session.close()
    return sentence


async def last_word(client: Client) -> str:
    end = await client.until_end()
    return end.user if isinstance(end, Refused) else end.notice


def raised(request: Callable[[], object]) -> str:
    with pytest.raises(RefusedError) as caught:
        request()
    return caught.value.refused.user


async def told_after(house: Gatehouse, operation: str, error: type[EngineError], times: int = 1) -> str:
    """Let calls of that operation fail, and return what the user of a session is told then."""
    house.engine.faults.fail(operation, error, times=times)
    return await told(house, house.login())


@asynccontextmanager
async def running(house: Gatehouse) -> AsyncIterator[tuple[ConnectionHandler, Client]]:
    """A program that waits for its input."""
    handler = house.login()
    session, client = house.run(handler, "cat")
    await client.until_input_flows()
    await house.until_programs_run(1)
    yield handler, client
    session.close()


@in_house(Code.IMAGE_NOT_FOUND, container={"Image": ABSENT}, imagePullPolicy="Never")
async def an_image_that_is_not_there(house: Gatehouse) -> str:
    return await told(house, house.login())


@in_house(Code.IMAGE_PULL_FAILED, container={"Image": ABSENT})
async def a_registry_that_fails(house: Gatehouse) -> str:
    house.engine.registry[ABSENT] = ServerFault
    return await told(house, house.login())


@in_house(Code.IMAGE_PULL_DENIED, container={"Image": ABSENT})
async def a_registry_that_wants_a_login(house: Gatehouse) -> str:
    house.engine.registry[ABSENT] = RegistryDenied
    return await told(house, house.login())


@in_house(Code.CONTAINER_CREATE_FAILED)
async def an_engine_that_does_not_create(house: Gatehouse) -> str:
    return await told_after(house, "container_create", EngineRefused)


@in_house(Code.CONTAINER_START_FAILED)
async def an_engine_that_does_not_start(house: Gatehouse) -> str:
    return await told_after(house, "container_start", EngineRefused)


@in_house(Code.IMAGE_WITHOUT_SHELL)
async def an_image_without_a_shell(house: Gatehouse) -> str:
    house.engine.faults.fail("container_start", EngineRefused, detail="exec: /bin/sh: no such file or directory")
    return await told(house, house.login())


@in_house(Code.CONTAINER_LOST)
async def a_container_that_somebody_removes(house: Gatehouse) -> str:
    async with running(house) as (_, client):
        house.container().remove()
        return await last_word(client)


@in_house(Code.OUT_OF_MEMORY)
async def a_container_without_memory(house: Gatehouse) -> str:
    async with running(house) as (_, client):
        container = house.container()
        container.publish(container.id, ContainerDied(137, oom=True))
        return await last_word(client)


@in_house(Code.PROGRAM_START_FAILED)
async def an_engine_that_does_not_exec(house: Gatehouse) -> str:
    return await told_after(house, "exec_create", Conflict)


@in_house(Code.START_FLOODED)
async def a_shell_that_floods(house: Gatehouse) -> str:
    def flood(process: FakeProcess, *_: object) -> int:
        process.write(b"no line\n" * MOST_OUTPUT)
        return 0

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(guest, "_launch", flood)
        return await told(house, house.login())


@in_house(Code.STREAM_FAILED)
async def a_stream_that_does_not_open(house: Gatehouse) -> str:
    return await told_after(house, "exec_start", ServerFault)


@in_house(Code.EXIT_UNKNOWN)
async def an_engine_that_does_not_tell_the_status(house: Gatehouse) -> str:
    house.engine.drop_events()
    return await told_after(house, "exec_inspect", EngineRefused, times=99)


@in_house(Code.ENGINE_UNAVAILABLE, timeouts={"http": "200ms"})
async def an_engine_that_is_away(house: Gatehouse) -> str:
    return await told_after(house, "image_inspect", Unavailable, times=99)


@in_house(Code.ENGINE_TIMED_OUT, timeouts={"containerStart": "100ms"})
async def an_engine_that_hangs(house: Gatehouse) -> str:
    release = house.engine.faults.hang("container_create")
    try:
        return await told(house, house.login())
    finally:
        release()


@in_house(Code.ENGINE_ACCESS_DENIED)
async def an_engine_that_shuts_us_out(house: Gatehouse) -> str:
    return await told_after(house, "container_create", AccessDenied)


@in_house(Code.ENGINE_NOT_FOUND)
async def an_engine_that_does_not_know_the_container(house: Gatehouse) -> str:
    return await told_after(house, "exec_create", NotFound)


@in_house(Code.ENGINE_CONFLICT)
async def a_container_that_is_paused(house: Gatehouse) -> str:
    return await told_after(house, "exec_create", Conflict)


@in_house(Code.ENGINE_REFUSED)
async def an_engine_that_does_not_like_the_settings(house: Gatehouse) -> str:
    return await told_after(house, "container_create", EngineRefused)


@in_house(Code.ENGINE_FAULT)
async def an_engine_that_fails_once(house: Gatehouse) -> str:
    return await told_after(house, "container_create", ServerFault)


@in_house(Code.EXEC_DISABLED, disableCommand=True)
async def a_command_where_none_are_possible(house: Gatehouse) -> str:
    return await told(house, house.login())


@in_house(Code.COMMAND_TOO_LONG)
async def a_command_that_no_kernel_takes(house: Gatehouse) -> str:
    return await told(house, house.login(), "x" * 131_072)


@in_house(Code.COMMAND_INVALID)
async def a_command_with_a_nul(house: Gatehouse) -> str:
    return await told(house, house.login(), "echo a\0b")


@in_house(Code.SUBSYSTEM_UNKNOWN)
async def a_subsystem_that_nobody_configured(house: Gatehouse) -> str:
    return await told(house, house.login(), RunSubsystem("unheard-of"))


@in_house(Code.OUTPUT_CUT)
async def a_child_that_writes_for_too_long(house: Gatehouse) -> str:
    with TemporaryDirectory() as folder:
        session = PipedSession(Path(folder), house.metrics, house.book, "100ms")
        await session.run("sleep 100 &")
        try:
            await session.end()
            return await last_word(session.client)
        finally:
            session.close()


@in_house(Code.ENV_INVALID)
async def a_variable_without_a_name(house: Gatehouse) -> str:
    session = house.login().program_session(1)
    return raised(lambda: session.env("", "value"))


@in_house(Code.ENV_TOO_LARGE)
async def a_variable_that_no_kernel_takes(house: Gatehouse) -> str:
    session = house.login().program_session(1)
    return raised(lambda: session.env("BIG", "x" * 131_072))


@in_house(Code.SIGNAL_UNKNOWN)
async def a_signal_that_is_none(house: Gatehouse) -> str:
    session = house.login().program_session(1)
    return raised(lambda: session.signal("WHISTLE"))


@in_house(Code.REQUEST_OUT_OF_ORDER)
async def a_window_without_a_terminal(house: Gatehouse) -> str:
    session = house.login().program_session(1)
    return raised(lambda: session.window(80, 24))


@in_house(Code.PROGRAM_ALREADY_STARTED)
async def a_second_program(house: Gatehouse) -> str:
    session, _ = house.run(house.login(), "true")
    return raised(lambda: session.start(RunExec("true"), Client()))


@in_house(Code.NOT_AUTHENTICATED)
async def a_session_before_the_login(house: Gatehouse) -> str:
    handler = house.connect()
    try:
        return raised(lambda: handler.program_session(1))
    finally:
        handler.disconnect()


@in_house(Code.CONNECTION_ENDING)
async def a_session_behind_the_end(house: Gatehouse) -> str:
    handler = house.login()
    handler.disconnect()
    return raised(lambda: handler.program_session(1))


@in_house(Code.INTERNAL_ERROR)
async def a_bug(house: Gatehouse) -> str:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ExecSession, "prepare", lambda *_: 1 / 0)
        return await told(house, house.login())


@in_house(Code.FORWARDING_REFUSED)
async def a_forwarding(house: Gatehouse) -> str:
    async with let_in(house.backend) as connection:
        with pytest.raises(asyncssh.ChannelOpenError) as caught:
            await connection.open_connection("192.0.2.1", 80)
        return str(caught.value)


@in_house(Code.SFTP_ONLY)
async def a_command_with_a_key_for_sftp(house: Gatehouse) -> str:
    async with let_in(house.backend, KeyPermissions(command="internal-sftp")) as connection:
        return str((await connection.run("id")).stderr)


@in_house(Code.REQUEST_REFUSED)
async def a_second_program_on_the_wire(house: Gatehouse) -> str:
    async with let_in(house.backend) as connection:
        process = await connection.create_process("cat")
        assert await process.channel._make_request(b"shell") is False
        return str((await process.communicate("x"))[1])
