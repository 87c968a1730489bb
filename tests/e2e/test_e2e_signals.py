"""Signals from the client (RFC 4254, 6.9) to programs that wait for them."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator

import asyncssh
import pytest
from docker import DockerClient
from support.images import BUSYBOX, shell_less_image
from support.processes import nothing_like
from support.server import EVENT_SECONDS, Server, Serving

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


# Other images, terminals, and an idle program of the operator's own.

ENDING = ["ABRT", "ALRM", "BUS", "FPE", "HUP", "ILL", "INT", "IO", "KILL", "PIPE", "PROF", "PWR", "QUIT", "SEGV", "SYS"]
ENDING += ["TERM", "TRAP", "USR1", "USR2", "VTALRM", "XCPU", "XFSZ"]
"""Those that end a program which does not care, and that every shell's `kill` knows."""


@pytest.fixture(scope="session")
def busybox_server(mode: str, serving: Serving, mini_image: str) -> Iterator[Server]:
    """A server whose image has nothing but busybox."""
    with serving({"mode": mode, "container": {"Image": mini_image}}) as started:
        yield started


@pytest.fixture(scope="session")
def own_idle_server(serving: Serving) -> Iterator[Server]:
    """A server of connection mode whose idle program obeys nobody."""
    with serving({"mode": "connection", "idleCommand": ["/bin/sleep", "100000"]}) as started:
        yield started


@pytest.mark.parametrize("term", [None, "xterm"])
async def test_busybox_is_enough_for_a_trap(busybox_server: Server, term: str | None) -> None:
    async with busybox_server.connect() as connection:
        process = await connection.create_process(
            'trap "echo got; exit 3" USR1; echo ready; while :; do sleep 0.1; done', term_type=term
        )
        assert (await process.stdout.readline()).strip() == "ready"
        process.send_signal("USR1")
        status, said = await end_of(process)
        # ash says on its terminal, too, what ended its child.
        assert (status, said.split()[-1]) == (3, "got")


@pytest.mark.parametrize("mode", ["connection"], indirect=True, scope="session")
async def test_every_signal_that_ends_a_program_is_told_by_its_number(busybox_server: Server) -> None:
    async with busybox_server.connect() as connection:
        for name in ENDING:
            process = await connection.create_process("echo ready; exec sleep 600")
            assert await process.stdout.readline() == "ready\n"
            process.send_signal(name)
            assert (await end_of(process))[0] == 128 + signal.Signals[f"SIG{name}"], name


@pytest.mark.parametrize("term", [None, "xterm"])
async def test_signals_reach_programs_beside_an_idle_command_of_ones_own(
    own_idle_server: Server, term: str | None
) -> None:
    async with own_idle_server.connect() as connection:
        process = await connection.create_process(
            'trap "echo got; exit 3" USR1; echo ready; while :; do sleep 0.1; done', term_type=term
        )
        assert (await process.stdout.readline()).strip() == "ready"
        process.send_signal("USR1")
        assert (await end_of(process))[0] == 3


async def test_a_closed_channel_ends_its_programs_beside_an_idle_command_of_ones_own(own_idle_server: Server) -> None:
    async with own_idle_server.connect() as connection:
        process = await connection.create_process("sleep 1234 & echo ready; sleep 1234")
        assert await process.stdout.readline() == "ready\n"
        process.close()
        await nothing_like(connection, "sleep 1234")


async def test_without_a_shell_the_engine_sends_the_signal(
    serving: Serving, docker_client: DockerClient, mini_image: str
) -> None:
    with shell_less_image(docker_client, mini_image) as image:
        container = {"Image": image, "Cmd": [BUSYBOX, "sh", "-c", "echo ready; while :; do sleep 1; done"]}
        with serving({"mode": "session", "container": container}) as server:
            async with server.connect() as connection:
                process = await connection.create_process()
                assert await process.stdout.readline() == "ready\n"
                process.send_signal("TERM")
                assert (await end_of(process))[0] == 143
            server.wait_for_log("event=guard_missing")
