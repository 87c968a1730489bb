"""A client may go at any moment: nothing of him stays."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sshore.actors.messages import RunShell
from sshore.engine.errors import TimedOut, Unavailable
from sshore.engine.fake.containers import FakeImage
from support.client import Client, End, eventually
from support.gatehouse import Gatehouse, docker_config

both_modes = pytest.mark.parametrize("house", ["connection", "session"], indirect=True)
ABSENT = "registry.example/tools:1"


async def gone(house: Gatehouse, handler: Any) -> None:
    async with asyncio.timeout(10):
        await handler.wait_ended()
    await house.until_empty()
    await eventually(lambda: house.connections() == frozenset(), "the connection's end")
    assert house.count("sshore_connections_current") == 0
    assert house.count("sshore_sessions_current") == 0


@both_modes
async def test_before_the_login(house: Gatehouse) -> None:
    handler = house.connect()
    handler.handshake_failed()
    handler.disconnect()
    await gone(house, handler)
    assert house.count("sshore_handshakes_total", result="failure") == 1


@both_modes
async def test_right_behind_the_login(house: Gatehouse) -> None:
    for _ in range(20):
        handler = house.login()
        handler.disconnect()
        await gone(house, handler)


@both_modes
async def test_right_behind_the_request(house: Gatehouse) -> None:
    for _ in range(20):
        handler = house.login()
        session, client = house.run(handler, "cat")
        session.write(b"hello")
        handler.disconnect()
        await gone(house, handler)
        assert client.ends == []


@both_modes
@pytest.mark.parametrize("operation", ["image_inspect", "container_create", "container_attach", "container_start"])
async def test_while_the_container_is_made(house: Gatehouse, operation: str) -> None:
    release = house.engine.faults.hang(operation)
    handler = house.login()
    house.run(handler, RunShell())
    await eventually(lambda: house.engine.faults.calls(operation) == 1)
    handler.disconnect()
    release()
    await gone(house, handler)


async def test_while_the_exec_is_made(house: Gatehouse) -> None:
    for operation in ("exec_create", "exec_start"):
        release = house.engine.faults.hang(operation)
        handler = house.login()
        house.run(handler, "sleep 1000")
        await eventually(lambda: house.engine.faults.calls(operation) == 1)  # noqa: B023 - called in this turn only
        handler.disconnect()
        release()
        await gone(house, handler)


@both_modes
async def test_while_the_image_is_pulled(house: Gatehouse) -> None:
    house.engine.registry[ABSENT] = FakeImage()
    mode = house.backend.docker.execution.mode
    release = house.engine.faults.hang("image_pull")
    handler = house.login(docker=docker_config(container={"Image": ABSENT}, mode=str(mode)))
    house.run(handler, RunShell())
    await asyncio.to_thread(house.book.wait_for, "image_pull_started")
    handler.disconnect()
    # Nobody waits for the pull.
    await gone(house, handler)
    release()
    await asyncio.to_thread(house.book.wait_for, "image_pull_ended")


@both_modes
@pytest.mark.parametrize("command", ["cat", "sleep 1000", "yes", "trap : HUP TERM INT; echo up; sleep 1000", "exit 0"])
async def test_while_programs_run(house: Gatehouse, command: str) -> None:
    handler = house.login()
    pairs = [house.run(handler, command, channel) for channel in (1, 2)]
    await house.until_programs_run(2)
    handler.disconnect()
    await gone(house, handler)
    assert all(len(client.ends) <= 1 for _, client in pairs)


@both_modes
async def test_while_the_client_does_not_read(house: Gatehouse) -> None:
    handler = house.login()
    session, client = house.run(handler, "yes")
    await client.until(lambda: bool(client.stdout))
    session.pause_output()
    handler.disconnect()
    await gone(house, handler)


@both_modes
async def test_behind_the_end_of_a_program(house: Gatehouse) -> None:
    handler = house.login()
    _, client = house.run(handler, "exit 3")
    assert await client.until_end() == End(3)
    handler.disconnect()
    await gone(house, handler)


@both_modes
async def test_twice(house: Gatehouse) -> None:
    handler = house.login()
    handler.disconnect()
    handler.disconnect()
    await gone(house, handler)
    handler.disconnect()
    await handler.shutdown(1)
    assert house.count("sshore_connections_current") == 0


@both_modes
@pytest.mark.parametrize("error", [Unavailable, TimedOut])
async def test_while_the_engine_fails_to_remove(house: Gatehouse, error: type[Exception]) -> None:
    handler = house.login()
    house.run(handler, "cat")
    await house.until_programs_run(1)
    house.engine.faults.fail("container_remove", error, times=3)
    handler.disconnect()
    await gone(house, handler)


@both_modes
async def test_while_the_engine_is_away(house: Gatehouse) -> None:
    handler = house.login()
    house.run(handler, "cat")
    await house.until_programs_run(1)
    house.engine.go_away()
    handler.disconnect()
    async with asyncio.timeout(10):
        await handler.wait_ended()
    assert len(house.backend._janitor.names) == 1
    house.engine.come_back()
    await gone(house, handler)


# One channel of several.


async def test_a_program_whose_channel_closes_is_hung_up_and_its_sibling_runs_on(house: Gatehouse) -> None:
    handler = house.login()
    session, client = house.run(handler, "echo up; sleep 1000", 1)
    sibling, sibling_client = house.run(handler, "read line; exit 5", 2)
    await house.until_programs_run(2)
    await client.until_stdout(b"up\n")
    session.close()
    await eventually(lambda: 129 in [one.state.exit_code for one in house.container().execs.values()])
    sibling.write_eof()
    assert await sibling_client.until_end() == End(5)
    assert client.ends == []
    handler.disconnect()
    await gone(house, handler)


async def test_a_program_that_ignores_the_hangup_is_killed_a_second_later(house: Gatehouse) -> None:
    handler = house.login()
    session, client = house.run(handler, "trap 'echo no' HUP; echo up; wait; wait")
    await client.until_stdout(b"up\n")
    await house.until_programs_run(1)
    session.close()
    await eventually(lambda: [one.state.exit_code for one in house.container().execs.values()] == [137])
    handler.disconnect()
    await gone(house, handler)


@pytest.mark.parametrize("house", ["session"], indirect=True)
async def test_a_container_goes_with_its_channel_and_its_sibling_stays(house: Gatehouse) -> None:
    handler = house.login()
    session, _ = house.run(handler, "trap : HUP TERM; sleep 1000", 1)
    sibling, sibling_client = house.run(handler, "read line; exit 5", 2)
    await house.until_programs_run(2)
    session.close()
    await eventually(lambda: len(house.engine.containers) == 1)
    sibling.write_eof()
    assert await sibling_client.until_end() == End(5)
    handler.disconnect()
    await gone(house, handler)


async def test_a_channel_that_closes_while_its_program_starts_leaves_no_program(house: Gatehouse) -> None:
    handler = house.login()
    assert (await house.finish(handler, "true"))[1] == End(0)
    release = house.engine.faults.hang("exec_start")
    session, _ = house.run(handler, "sleep 1000", 2)
    await eventually(lambda: house.engine.faults.calls("exec_start") == 2)
    session.close()
    release()
    await eventually(lambda: [one.state.exit_code for one in house.container().execs.values()] == [0, 129])
    handler.disconnect()
    await gone(house, handler)


async def test_a_channel_that_closes_before_it_asks_for_anything_is_forgotten(house: Gatehouse) -> None:
    handler = house.login()
    session = handler.program_session(1)
    session.env("A", "b")
    session.close()
    await eventually(lambda: house.sessions() == frozenset())
    assert isinstance(handler.program_session(1), type(session))
    handler.disconnect()
    await gone(house, handler)


async def test_a_client_that_is_gone_hears_nothing_more(house: Gatehouse) -> None:
    handler = house.login()
    session, client = handler.program_session(1), Client()
    session.start(RunShell(), client)
    session.write(b"echo up\n")
    await client.until_stdout(b"up\n")
    heard = bytes(client.stdout)
    session.close()
    session.write(b"echo more\n")
    session.resume_output()
    handler.disconnect()
    await gone(house, handler)
    assert bytes(client.stdout) == heard
    assert client.ends == []
