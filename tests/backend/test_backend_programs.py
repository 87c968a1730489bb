"""Programs through the whole backend, on the fake engine, in both modes."""

from __future__ import annotations

import asyncio

import pytest
from sshore.actors.messages import RunShell, RunSubsystem
from sshore.actors.refusals import Refused, RefusedError
from sshore.engine.errors import Conflict
from sshore.engine.fake.containers import FakeImage
from sshore.engine.fake.engine import FAKE_IMAGE
from support.client import Client, End, eventually
from support.gatehouse import Gatehouse

both_modes = pytest.mark.parametrize("house", ["connection", "session"], indirect=True)
in_session_mode = pytest.mark.parametrize("house", ["session"], indirect=True)

BLOCK = 256 * 1024


@both_modes
async def test_output_comes_apart_and_the_status_behind_it(house: Gatehouse) -> None:
    handler = house.login()
    client, end = await house.finish(handler, "echo out; echo err >&2; exit 7")
    assert (client.stdout, client.stderr, end) == (b"out\n", b"err\n", End(7))


@both_modes
async def test_input_that_comes_at_once_is_delivered_in_order(house: Gatehouse) -> None:
    handler = house.login()
    session, client = house.run(handler, "cat")
    for number in range(100):
        session.write(b"%d " % number)
    session.write_eof()
    assert await client.until_end() == End(0)
    assert bytes(client.stdout) == b"".join(b"%d " % number for number in range(100))
    session.close()


@both_modes
async def test_the_end_of_the_input_leaves_the_output_open(house: Gatehouse) -> None:
    handler = house.login()
    session, client = house.run(handler, "wc; echo and more; exit 3")
    await client.until_input_flows()
    session.write(b"12345")
    session.write_eof()
    assert await client.until_end() == End(3)
    assert bytes(client.stdout) == b"5\nand more\n"
    session.close()


@both_modes
async def test_a_program_that_ends_while_nobody_reads_loses_nothing(house: Gatehouse) -> None:
    house.engine.faults.output_kept = 5.0
    handler = house.login()
    session, client = house.run(handler, "echo ready; read go; head -c 50000 /dev/zero; exit 7")
    await client.until_stdout(b"ready\n")
    session.pause_output()
    session.write(b"go\n")
    await eventually(lambda: len(client.stdout) == len(b"ready\n") + 50_000)
    assert client.ends == []
    session.resume_output()
    assert await client.until_end() == End(7)
    session.close()


@both_modes
async def test_a_program_that_writes_more_than_anybody_reads_waits(house: Gatehouse) -> None:
    handler = house.login()
    session, client = house.run(handler, f"head -c {8 * BLOCK} /dev/zero")
    session.pause_output()
    await eventually(lambda: house.count("sshore_program_start_seconds_count") == 1)
    await asyncio.sleep(0.05)
    assert len(client.stdout) <= BLOCK
    assert client.ends == []
    session.resume_output()
    assert await client.until_end() == End(0)
    assert len(client.stdout) == 8 * BLOCK
    session.close()


@both_modes
async def test_a_program_that_reads_slowly_holds_the_client_back(house: Gatehouse) -> None:
    handler = house.login()
    session, client = house.run(handler, "read line; wc")
    await client.until_input_flows()
    session.write(b"x" * BLOCK)
    await client.until(lambda: client.input_paused)
    session.write(b"\n123")
    session.write_eof()
    assert await client.until_end() == End(0)
    assert bytes(client.stdout) == b"3\n"
    session.close()


@both_modes
async def test_the_environment_reaches_the_program(house: Gatehouse) -> None:
    handler = house.login()
    session, client = handler.program_session(1), Client()
    session.env("FOO", "a b")
    session.start(RunShell(), client)
    session.write(b"printenv FOO\nexit 4\n")
    assert await client.until_end() == End(4)
    assert bytes(client.stdout) == b"a b\n"
    session.close()


@both_modes
async def test_a_terminal_echoes_interrupts_and_is_resized(house: Gatehouse) -> None:
    handler = house.login()
    session, client = handler.program_session(1), Client()
    session.pty("xterm", 80, 24)
    session.start(RunShell(), client)
    session.write(b"echo hi\r")
    await client.until_stdout(b"echo hi\r\nhi\r\n")
    session.window(120, 50)
    session.signal("INT")
    assert await client.until_end() == End(130)
    session.close()


@both_modes
async def test_a_signal_reaches_the_program(house: Gatehouse) -> None:
    handler = house.login()
    session, client = house.run(handler, "trap 'echo got it' USR1; echo ready; wait; exit 5")
    await client.until_stdout(b"ready\n")
    session.signal("USR1")
    assert await client.until_end() == End(5)
    assert bytes(client.stdout) == b"ready\ngot it\n"
    session.close()


async def test_sessions_of_a_connection_share_its_container(house: Gatehouse) -> None:
    handler = house.login()
    pairs = [house.run(handler, f"read line; echo {channel}", channel) for channel in (1, 2, 3)]
    for session, client in pairs:
        await client.until_input_flows()
        session.write(b"go\n")
        assert await client.until_end() == End(0)
        session.close()
    assert [bytes(client.stdout) for _, client in pairs] == [b"1\n", b"2\n", b"3\n"]
    assert len(house.container().execs) == 3


@in_session_mode
async def test_sessions_have_containers_of_their_own(house: Gatehouse) -> None:
    handler = house.login()
    pairs = [house.run(handler, "read line", channel) for channel in (1, 2, 3)]
    for _, client in pairs:
        await client.until_input_flows()
    assert len(house.engine.containers) == 3
    for session, client in pairs:
        session.write_eof()
        assert await client.until_end() == End(1)
        session.close()
    await house.until_empty()


async def test_the_exit_is_told_without_its_event(house: Gatehouse) -> None:
    handler = house.login()
    house.engine.drop_events()
    _, end = await house.finish(handler, "echo hi; exit 9")
    assert end == End(9)


@both_modes
async def test_ends_are_told_across_a_break_of_the_event_stream(house: Gatehouse) -> None:
    handler = house.login()
    session, client = house.run(handler, "read line; exit 8")
    await client.until_input_flows()
    await asyncio.to_thread(house.book.wait_for, "engine_events_watched")
    house.engine._events.lose_connections()
    await asyncio.to_thread(house.book.wait_for, "engine_events_watched", 2)
    session.write_eof()
    assert await client.until_end() == End(8)
    session.close()


# What is refused.


@both_modes
async def test_a_session_before_the_handshake_is_refused(house: Gatehouse) -> None:
    handler = house.connect()
    with pytest.raises(RefusedError, match="NOT_AUTHENTICATED"):
        handler.program_session(1)
    with pytest.raises(RefusedError, match="NOT_AUTHENTICATED"):
        handler.session_channel(1, extra_data=b"x")
    handler.handshake_failed()
    handler.disconnect()


@both_modes
async def test_a_session_behind_the_disconnect_is_refused(house: Gatehouse) -> None:
    handler = house.login()
    handler.disconnect()
    with pytest.raises(RefusedError, match="CONNECTION_ENDING"):
        handler.program_session(1)
    await handler.wait_ended()


async def test_a_second_handshake_and_a_second_use_of_a_channel_are_refused(house: Gatehouse) -> None:
    handler = house.login()
    with pytest.raises(RefusedError, match="REQUEST_OUT_OF_ORDER"):
        handler.handshake_success("bob")
    handler.program_session(1)
    with pytest.raises(RefusedError, match="REQUEST_OUT_OF_ORDER"):
        handler.program_session(1)


async def test_a_channels_number_may_be_used_again_once_it_is_closed(house: Gatehouse) -> None:
    handler = house.login()
    for number in range(3):
        _, end = await house.finish(handler, f"exit {number}")
        assert end == End(number)


async def test_a_handshake_behind_the_disconnect_is_refused(house: Gatehouse) -> None:
    handler = house.connect()
    handler.disconnect()
    with pytest.raises(RefusedError, match="REQUEST_OUT_OF_ORDER"):
        handler.handshake_success("alice")
    await handler.wait_ended()


@both_modes
async def test_a_second_program_on_a_channel_is_refused_and_the_first_runs_on(house: Gatehouse) -> None:
    handler = house.login()
    session, client = house.run(handler, "read line; echo $line")
    with pytest.raises(RefusedError, match="PROGRAM_ALREADY_STARTED"):
        session.start(RunShell(), Client())
    session.write(b"still here\n")
    assert await client.until_end() == End(0)
    assert bytes(client.stdout) == b"still here\n"
    session.close()


@both_modes
@pytest.mark.parametrize(
    ("what", "code"),
    [(RunSubsystem("unheard-of"), "SUBSYSTEM_UNKNOWN"), ("x" * 131_072, "COMMAND_TOO_LONG")],
)
async def test_a_program_that_cannot_be_is_refused_with_a_sentence(house: Gatehouse, what: object, code: str) -> None:
    handler = house.login()
    session, client = house.run(handler, what)
    end = await client.until_end()
    assert isinstance(end, Refused)
    assert (end.code, end.status) == (code, 255)
    assert house.book.wait_for("session_refused")["code"] == code
    session.close()
    assert (await house.finish(handler, "echo on we go", 2))[1] == End(0)


async def test_an_exec_that_cannot_be_created_is_refused_and_the_next_one_is_not(house: Gatehouse) -> None:
    handler = house.login()
    house.engine.faults.fail("exec_create", Conflict)
    _, end = await house.finish(handler, "true")
    assert isinstance(end, Refused)
    assert end.code == "PROGRAM_START_FAILED"
    assert (await house.finish(handler, "exit 2", 2))[1] == End(2)


async def test_what_the_engine_says_of_a_failed_start_stays_with_the_operator(house: Gatehouse) -> None:
    handler = house.login()
    assert (await house.finish(handler, "true"))[1] == End(0)
    made = house.engine.create_exec

    def create_nonsense(container: str, spec: object, **more: object) -> str:
        exec_id = made(container, spec, **more)
        house.container().execs[exec_id].process.argv = ("no-such-shell",)
        return exec_id

    house.engine.create_exec = create_nonsense
    client, end = await house.finish(handler, "true", 2)
    assert isinstance(end, Refused)
    assert (end.code, end.status) == ("PROGRAM_START_FAILED", 126)
    assert (client.stdout, client.stderr) == (b"", b"")
    assert 'exec: "no-such-shell": executable file not found' in house.book.wait_for("session_refused")["cause"]


@both_modes
async def test_an_engine_that_is_away_is_told_and_the_next_connection_works(house: Gatehouse) -> None:
    house.engine.go_away()
    handler = house.login()
    _, end = await house.finish(handler, "true")
    assert isinstance(end, Refused)
    assert end.code == "ENGINE_UNAVAILABLE"
    assert house.count("sshore_backend_failures_total", operation="image_inspect", code="ENGINE_UNAVAILABLE") >= 1
    handler.disconnect()
    house.engine.come_back()
    assert (await house.finish(house.login(), "exit 6"))[1] == End(6)


@both_modes
async def test_a_stream_that_breaks_ends_the_session(house: Gatehouse) -> None:
    handler = house.login()
    session, client = house.run(handler, "echo up; cat")
    await client.until_stdout(b"up\n")
    house.engine.connections.lose_all()
    end = await client.until_end()
    assert isinstance(end, Refused)
    assert end.code == "STREAM_FAILED"
    session.close()


async def test_a_container_that_is_lost_ends_its_sessions_and_tells_the_transport(house: Gatehouse) -> None:
    handler = house.login()
    lost: list[Refused] = []
    handler.on_failure = lost.append
    session, client = house.run(handler, "echo up; cat")
    await client.until_stdout(b"up\n")
    house.engine.remove_container(house.container().id, timeout=5)
    assert (await client.until_end()).status in (137, 255)
    await eventually(lambda: len(lost) == 1)
    assert lost[0].code == "CONTAINER_LOST"
    session.close()
    _, end = await house.finish(handler, "true", 2)
    assert isinstance(end, Refused)
    assert end.code == "CONTAINER_LOST"


# Images.

ABSENT = "registry.example/tools:1"


@pytest.mark.parametrize("mode", ["connection", "session"])
async def test_an_image_is_pulled_once_for_all_who_come_together(house: Gatehouse, mode: str) -> None:
    house.engine.registry[ABSENT] = FakeImage()
    own = house.backend.docker.model_copy(
        update={
            "execution": type(house.backend.docker.execution).model_validate(
                {"container": {"Image": ABSENT}, "host": {"NetworkMode": "none"}, "mode": mode}
            )
        }
    )
    release = house.engine.faults.hang("image_pull")
    handlers = [house.login(docker=own) for _ in range(5)]
    pairs = [house.run(handler, "exit 1") for handler in handlers]
    await asyncio.to_thread(house.book.wait_for, "image_pull_started")
    await eventually(lambda: house.engine.faults.calls("image_inspect") >= 5)
    release()
    for session, client in pairs:
        assert await client.until_end() == End(1)
        session.close()
    assert house.engine.faults.calls("image_pull") <= 2
    assert house.book.of("actor_failed") == []


async def test_an_image_that_nobody_has_is_refused_with_a_sentence(house: Gatehouse) -> None:
    own = house.backend.docker.model_copy(
        update={
            "execution": type(house.backend.docker.execution).model_validate(
                {"container": {"Image": ABSENT}, "imagePullPolicy": "Never"}
            )
        }
    )
    handler = house.login(docker=own)
    _, end = await house.finish(handler, "true")
    assert isinstance(end, Refused)
    assert end.code == "IMAGE_NOT_FOUND"
    assert ABSENT not in end.user
    assert house.engine.faults.calls("image_pull") == 0
    assert FAKE_IMAGE in house.engine.images
