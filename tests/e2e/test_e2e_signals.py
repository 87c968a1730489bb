"""Signals from the client (RFC 4254, 6.9) to programs that wait for them."""

from __future__ import annotations

import asyncio

import asyncssh
import pytest
from support.server import EVENT_SECONDS, Server

pytestmark = pytest.mark.engine


async def end_of(process: asyncssh.SSHClientProcess[str]) -> tuple[int | None, str]:
    done = await asyncio.wait_for(process.wait(), EVENT_SECONDS)
    return done.exit_status, str(done.stdout)


@pytest.mark.parametrize("name", ["USR1", "TERM", "HUP", "INT", "WINCH"])
async def test_a_signal_reaches_the_program_that_traps_it(server: Server, name: str) -> None:
    async with server.connect() as connection:
        process = await connection.create_process(
            f'trap "echo caught {name}; exit 5" {name}; echo ready; while :; do sleep 0.05; done'
        )
        assert await process.stdout.readline() == "ready\n"
        process.send_signal(name)
        assert await end_of(process) == (5, f"caught {name}\n")


@pytest.mark.parametrize(("name", "status"), [("TERM", 143), ("KILL", 137), ("INT", 130)])
async def test_a_signal_that_is_not_trapped_ends_the_program(server: Server, name: str, status: int) -> None:
    async with server.connect() as connection:
        process = await connection.create_process("echo ready; exec sleep 600")
        assert await process.stdout.readline() == "ready\n"
        process.send_signal(name)
        assert (await end_of(process))[0] == status


async def test_a_signal_reaches_the_programs_children(server: Server) -> None:
    async with server.connect() as connection:
        process = await connection.create_process(
            """trap : USR1; bash -c 'trap "echo child; exit" USR1; echo ready; while :; do sleep 0.05; done'; exit 4"""
        )
        assert await process.stdout.readline() == "ready\n"
        process.send_signal("USR1")
        assert await end_of(process) == (4, "child\n")


async def test_a_signal_reaches_a_program_that_never_stops_talking(server: Server) -> None:
    async with server.connect() as connection:
        process = await connection.create_process('trap "exit 6" USR1; while :; do echo more; done')
        assert await process.stdout.readline() == "more\n"
        process.send_signal("USR1")
        await asyncio.wait_for(process.stdout.read(), EVENT_SECONDS)
        assert (await end_of(process))[0] == 6


async def test_a_signal_that_nobody_knows_is_ignored_with_a_word_to_the_operator(server: Server) -> None:
    mark = server.log_mark()
    async with server.connect() as connection:
        process = await connection.create_process("cat")
        process.send_signal("NOSUCH; rm -rf /")
        assert (await process.communicate("still here"))[0] == "still here"
    server.wait_for_log("event=signal_refused.*code=SIGNAL_UNKNOWN", since=mark)


@pytest.mark.parametrize("mode", ["connection"], indirect=True, scope="session")
async def test_a_signal_is_for_its_own_session_only(server: Server) -> None:
    async with server.connect() as connection:
        bystander = await connection.create_process("echo ready; cat")
        process = await connection.create_process("echo ready; exec sleep 600")
        assert await bystander.stdout.readline() == await process.stdout.readline() == "ready\n"
        process.send_signal("TERM")
        assert (await end_of(process))[0] == 143
        assert (await bystander.communicate("still here"))[0] == "still here"
