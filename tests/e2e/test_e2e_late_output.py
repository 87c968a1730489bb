"""What a program left running and still writes, in connection mode: waited for, as under sshd."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import asyncssh
import pytest
from support.own_sshd import OwnSshd
from support.processes import nothing_like
from support.server import EVENT_SECONDS, Server, Serving

pytestmark = pytest.mark.engine

QUICK_SECONDS = 1.5
"""Well below the 2 and 4 seconds for which the engine waits for whoever holds an exec's streams."""
LATE = {
    "stdout": "(sleep 4; echo late) & echo now; exit 3",
    "stderr": "(sleep 4; echo late >&2) >/dev/null & exit 3",
    "in a session of its own": "setsid sh -c 'sleep 4; echo late' & exit 3",
    "a child of a child": "sh -c '(sleep 4; echo late) & exit 1' & exit 3",
    "again and again": "(for i in 1 2 3 4; do sleep 1; echo $i; done) & exit 3",
    "much": "(sleep 4; head -c 300000 /dev/zero) & exit 3",
}


@pytest.fixture(scope="module")
def piped(serving: Serving) -> Iterator[Server]:
    with serving({"mode": "connection", "pipes": "on"}) as server:
        yield server


@pytest.fixture(scope="module")
def unpiped(serving: Serving) -> Iterator[Server]:
    with serving({"mode": "connection", "pipes": "off"}) as server:
        yield server


async def ends_of(server: Any, commands: list[str]) -> list[tuple[Any, Any, Any]]:
    """What all of them, side by side, wrote, and their status."""
    async with server.connect() as connection:
        done = await asyncio.gather(*(connection.run(command, encoding=None) for command in commands))
        return [(one.stdout, one.stderr, one.exit_status) for one in done]


async def end_of(process: asyncssh.SSHClientProcess[str]) -> asyncssh.SSHCompletedProcess:
    return await asyncio.wait_for(process.wait(), EVENT_SECONDS)


async def test_all_of_it_is_there_as_under_sshd(piped: Server, tmp_path_factory: pytest.TempPathFactory) -> None:
    sshd = OwnSshd(tmp_path_factory.mktemp("sshd"))
    sshd.start()
    try:
        commands = list(LATE.values())
        ours, theirs = await asyncio.gather(ends_of(piped, commands), ends_of(sshd, commands))
    finally:
        sshd.stop()
    assert dict(zip(LATE, ours, strict=True)) == dict(zip(LATE, theirs, strict=True))


async def test_an_engine_that_carries_it_gives_it_a_second(unpiped: Server) -> None:
    assert await ends_of(unpiped, ["(sleep 1; echo late) & echo now; exit 3"]) == [(b"now\nlate\n", b"", 3)]


async def test_where_an_operator_wants_it_cut_it_is_and_that_is_told(serving: Serving) -> None:
    with serving({"mode": "connection", "pipes": "on", "lingerTime": "500ms"}) as server:
        async with server.connect() as connection:
            done = await end_of(await connection.create_process("(echo now; sleep 1005; echo never) & exit 3"))
            assert (done.exit_status, done.stdout) == (3, "now\n")
            assert done.stderr == (
                "sshore: What the program left running was ended, and its output cut. (OUTPUT_CUT)\n"
            )
            await nothing_like(connection, "sleep 1005")
        server.wait_for_log("event=output_cut .*code=OUTPUT_CUT")


async def test_on_pipes_it_delays_nobody_and_ends_with_its_channel(piped: Server) -> None:
    async with piped.connect() as connection:
        process = await connection.create_process("sleep 1004 & echo last words")
        assert await process.stdout.readline() == "last words\n"
        begun = time.monotonic()
        assert (await connection.run("echo next")).stdout == "next\n"
        assert time.monotonic() - begun < QUICK_SECONDS
        assert not process.stdout.at_eof()
        process.close()
        await nothing_like(connection, "sleep 1004")


@pytest.mark.parametrize("wait", [True, False], ids=["when its client heard the end", "at once"])
async def test_where_the_engine_carries_it_it_does_not_delay_the_next_session(unpiped: Server, wait: bool) -> None:
    async with unpiped.connect() as connection:
        process = await connection.create_process("sleep 1004 & echo last words")
        await process.stdout.readline()
        if wait:
            await end_of(process)
        else:
            await asyncio.sleep(0.2)
        begun = time.monotonic()
        assert (await connection.run("echo next")).stdout == "next\n"
        assert time.monotonic() - begun < QUICK_SECONDS
        assert (await end_of(process)).exit_status == 0
        await nothing_like(connection, "sleep 1004")


async def test_a_terminal_that_is_held_holds_no_client(piped: Server) -> None:
    async with piped.connect() as connection:
        process = await connection.create_process("sleep 1006 & echo on; exit 3", term_type="xterm")
        assert (await end_of(process)).exit_status == 3
