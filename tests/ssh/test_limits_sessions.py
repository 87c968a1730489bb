"""What a client may take once it is logged in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import asyncssh
import pytest
from support.client import SECONDS, eventually
from support.front_desk import FrontDesk


@asynccontextmanager
async def logged_in(folder: Path, limits: dict[str, Any]) -> AsyncIterator[tuple[FrontDesk, Any]]:
    async with FrontDesk(folder, limits).open() as desk, desk.login() as connection:
        yield desk, connection


async def test_channels_of_a_connection_are_limited(tmp_path: Path) -> None:
    async with logged_in(tmp_path, {"maxSessions": 2, "sessionWait": 0}) as (desk, connection):
        first, _ = [await connection.create_process("cat") for _ in range(2)]
        with pytest.raises(asyncssh.ChannelOpenError, match="Too many sessions are open on this") as refused:
            await connection.create_process("cat")
        assert refused.value.code == asyncssh.OPEN_RESOURCE_SHORTAGE
        assert desk.refusals("TOO_MANY_CHANNELS") == 1
        first.stdin.write_eof()
        await first.wait()
        assert (await connection.run("echo again")).stdout == "again\n"


async def test_there_is_a_number_of_channels_by_default(tmp_path: Path) -> None:
    async with logged_in(tmp_path, {"sessionWait": 0}) as (desk, connection):
        for _ in range(desk.config.limits.max_sessions):
            await connection.create_process("cat")
        with pytest.raises(asyncssh.ChannelOpenError):
            await connection.create_process("cat")


async def test_sessions_one_after_the_other_are_not_limited(tmp_path: Path) -> None:
    async with logged_in(tmp_path, {"maxSessions": 1, "maxSessionsPerUser": 1}) as (_, connection):
        for number in range(20):
            assert (await connection.run(f"echo {number}")).stdout == f"{number}\n"


async def test_sessions_of_a_user_are_limited_over_his_connections(tmp_path: Path) -> None:
    async with (
        FrontDesk(tmp_path, {"maxSessionsPerUser": 2, "sessionWait": 0}).open() as desk,
        AsyncExitStack() as stack,
    ):
        first, second, third = [await stack.enter_async_context(desk.login()) for _ in range(3)]
        await first.create_process("cat")
        await second.create_process("cat")
        with pytest.raises(asyncssh.ChannelOpenError, match="You have too many sessions open"):
            await third.create_process("cat")
        assert desk.refusals("TOO_MANY_SESSIONS") == 1
        first.abort()
        await desk.until_connected(2)
        assert (await third.run("echo in")).stdout == "in\n"


async def test_variables_are_limited_in_number(tmp_path: Path) -> None:
    async with logged_in(tmp_path, {"maxEnv": 2}) as (desk, connection):
        done = await connection.run('echo "$A$B$C"', env={"A": "a", "B": "b", "C": "c"})
        assert done.stdout == "ab\n"
        assert desk.refusals("ENVIRONMENT_FULL") == 1


async def test_variables_are_limited_in_size(tmp_path: Path) -> None:
    async with logged_in(tmp_path, {"maxEnvSize": 10}) as (desk, connection):
        done = await connection.run('echo "$A$B$C"', env={"A": "123456789", "B": "x", "C": ""})
        assert done.stdout == "123456789\n"
        assert desk.refusals("ENVIRONMENT_FULL") == 1


async def test_a_flood_of_variables_is_kept_nowhere(tmp_path: Path) -> None:
    async with logged_in(tmp_path, {}) as (desk, connection):
        done = await connection.run("echo on", env={f"V{number}": "x" for number in range(5000)})
        assert done.stdout == "on\n"
        assert len(desk.book.of("environment_full")) == 1


async def test_a_command_is_limited_in_bytes(tmp_path: Path) -> None:
    async with logged_in(tmp_path, {"maxCommandLength": 9}) as (desk, connection):
        assert (await connection.run("echo fits")).stdout == "fits\n"
        refused = await connection.run("echo fitß")
        assert (refused.exit_status, refused.stdout) == (255, "")
        assert refused.stderr == "sshore: The command is longer than this server allows. (COMMAND_OVER_LIMIT)\n"
        assert desk.refusals("COMMAND_OVER_LIMIT") == 1


async def test_an_idle_terminal_is_warned_and_then_ended(tmp_path: Path) -> None:
    limits = {"idleTimeout": "600ms", "timeoutWarning": "200ms"}
    async with logged_in(tmp_path, limits) as (desk, connection):
        process = await connection.create_process("cat", term_type="xterm")
        _, said = await asyncio.wait_for(process.communicate(), SECONDS)
        assert said.splitlines() == [
            "sshore: This session ends in 0.2 s, unless something is typed or printed.",
            "sshore: Nothing was typed or printed for too long. (SESSION_IDLE)",
        ]
        assert process.exit_status == 255
        assert desk.refusals("SESSION_IDLE") == 1
        [line] = desk.book.of("session_timed_out")
        assert line["cause"] == "limits.idleTimeout is 600ms"


async def test_a_session_without_a_terminal_gets_no_warning(tmp_path: Path) -> None:
    async with logged_in(tmp_path, {"idleTimeout": "300ms"}) as (_, connection):
        done = await asyncio.wait_for(connection.run("sleep 60"), SECONDS)
        assert done.stderr == "sshore: Nothing was typed or printed for too long. (SESSION_IDLE)\n"
        assert (done.exit_status, done.stdout) == (255, "")


async def test_output_keeps_a_session(tmp_path: Path) -> None:
    command = "; ".join(["sleep 0.3; echo on"] * 5)
    async with logged_in(tmp_path, {"idleTimeout": "1s"}) as (_, connection):
        assert (await connection.run(command)).stdout == "on\n" * 5


async def test_input_keeps_a_session(tmp_path: Path) -> None:
    async with logged_in(tmp_path, {"idleTimeout": "1s"}) as (desk, connection):
        process = await connection.create_process("wc -c")
        for _ in range(5):
            process.stdin.write("x")
            await asyncio.sleep(0.3)
        process.stdin.write_eof()
        assert (await process.wait()).stdout == "5\n"
        assert desk.refusals("SESSION_IDLE") == 0


async def test_a_session_ends_with_its_time_however_busy_it_is(tmp_path: Path) -> None:
    limits = {"sessionTimeout": "500ms", "idleTimeout": "400ms"}
    async with logged_in(tmp_path, limits) as (desk, connection):
        process = await connection.create_process("yes")
        count = asyncio.create_task(process.stdout.read())
        assert (await asyncio.wait_for(process.wait(), SECONDS)).exit_status == 255
        assert len(await count) > 0
        assert desk.refusals("SESSION_TIME_OVER") == 1


async def test_a_client_that_does_not_read_is_ended_all_the_same(tmp_path: Path) -> None:
    limits = {"sessionTimeout": "300ms"}
    async with logged_in(tmp_path, limits) as (desk, connection):
        process = await connection.create_process("yes")
        process.channel.pause_reading()
        await eventually(lambda: desk.metrics.registry.get_sample_value("sshore_sessions_current") == 0, "its end")
        assert (await connection.run("echo on")).stdout == "on\n"


async def test_a_connection_without_a_session_is_idle_too(tmp_path: Path) -> None:
    async with logged_in(tmp_path, {"idleTimeout": "300ms"}) as (desk, connection):
        assert (await connection.run("sleep 0.2; echo on")).stdout == "on\n"
        await asyncio.wait_for(connection.wait_closed(), SECONDS)
        assert desk.refusals("SESSION_IDLE") == 1


async def test_times_are_off_by_default(tmp_path: Path) -> None:
    async with logged_in(tmp_path, {}) as (desk, connection):
        process = await connection.create_process("cat")
        await asyncio.sleep(0.5)
        process.stdin.write_eof()
        assert (await process.wait()).exit_status == 0
        assert desk.book.of("session_timed_out") == []
