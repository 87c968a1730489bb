"""A signal that is sent right after the reply to exec is kept until there is a program, as under sshd.

sshd itself is no witness here: it sends none to programs of root, who runs these tests."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from typing import Any

import asyncssh
import pytest
from support.server import EVENT_SECONDS, Server, Serving

pytestmark = pytest.mark.engine

TRIES = 5


@pytest.fixture(scope="module", params=["auto", "off"], ids=["pipes", "engine"])
def carried(request: pytest.FixtureRequest, mode: str, serving: Serving) -> Iterator[Server]:
    with serving({"mode": mode, "pipes": request.param}) as server:
        yield server


async def end_of(connection: asyncssh.SSHClientConnection, command: str, name: str, **options: Any) -> tuple[Any, Any]:
    """The end of a program that got the signal in the packet after the one that started it."""
    process = await connection.create_process(command, **options)
    process.send_signal(name)
    done = await asyncio.wait_for(process.wait(), EVENT_SECONDS)
    return done.exit_status, done.exit_signal and done.exit_signal[0]


@pytest.mark.parametrize("term", [None, "xterm"], ids=["no terminal", "terminal"])
@pytest.mark.parametrize("name", ["TERM", "INT", "KILL", "USR1"])
async def test_a_signal_at_once_ends_the_program(carried: Server, mode: str, name: str, term: str | None) -> None:
    number = signal.Signals[f"SIG{name}"].value
    async with carried.connect() as connection:
        for _ in range(TRIES if mode == "connection" else 1):
            assert await end_of(connection, "exec sleep 600", name, term_type=term) == (128 + number, None)


@pytest.mark.parametrize("mode", ["connection"], indirect=True, scope="session")
async def test_a_signal_at_once_ends_what_a_waiting_shell_becomes(carried: Server) -> None:
    async with carried.connect() as connection:
        for _ in range(TRIES):
            assert (await connection.run("true")).exit_status == 0
            await asyncio.sleep(0.7)  # a shell is started half a second after the last program
            assert await end_of(connection, "exec sleep 600", "TERM") == (143, None)


async def test_signals_that_do_nothing_to_a_program_that_begins_do_nothing(carried: Server) -> None:
    async with carried.connect() as connection:
        process = await connection.create_process("sleep 0.1; echo on")
        for name in ("WINCH", "CHLD", "URG", "CONT"):
            process.send_signal(name)
        done = await asyncio.wait_for(process.wait(), EVENT_SECONDS)
        assert (done.exit_status, done.stdout) == (0, "on\n")


async def test_one_that_is_stopped_at_once_goes_on_when_it_is_told(carried: Server) -> None:
    async with carried.connect() as connection:
        process = await connection.create_process("echo on; exec cat")
        process.send_signal("STOP")
        process.send_signal("CONT")
        process.stdin.write("still there\n")
        process.stdin.write_eof()
        done = await asyncio.wait_for(process.wait(), EVENT_SECONDS)
        assert (done.exit_status, done.stdout) == (0, "on\nstill there\n")
