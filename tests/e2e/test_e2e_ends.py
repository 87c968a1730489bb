"""The end of a program: by itself, with its channel, with its connection, with its container."""

from __future__ import annotations

import asyncio
import time

import asyncssh
import pytest
from docker import DockerClient
from support.images import shell_less_image
from support.processes import nothing_like, running, this_many
from support.server import EVENT_SECONDS, Server, Serving

pytestmark = pytest.mark.engine

CONNECTION_MODE = pytest.mark.parametrize("mode", ["connection"], indirect=True, scope="session")
SESSION_MODE = pytest.mark.parametrize("mode", ["session"], indirect=True, scope="session")


async def end_of(process: asyncssh.SSHClientProcess[str]) -> asyncssh.SSHCompletedProcess:
    return await asyncio.wait_for(process.wait(), EVENT_SECONDS)


@CONNECTION_MODE
async def test_a_channel_that_closes_takes_its_whole_session_along_and_no_other(server: Server) -> None:
    async with server.connect() as connection:
        bystander = await connection.create_process("echo ready; cat")
        process = await connection.create_process("sleep 1001 & echo ready; sleep 1001")
        assert await bystander.stdout.readline() == await process.stdout.readline() == "ready\n"
        process.close()
        await nothing_like(connection, "sleep 1001")
        assert (await bystander.communicate("still here"))[0] == "still here"


@CONNECTION_MODE
async def test_a_terminal_that_closes_takes_its_background_jobs_along(server: Server) -> None:
    async with server.connect() as connection:
        bystander = await connection.create_process("echo ready; cat")
        assert await bystander.stdout.readline() == "ready\n"
        shell = await connection.create_process("bash -i", term_type="xterm")
        shell.stdin.write("nohup sleep 1002 & sleep 1002\n")
        await this_many(connection, "sleep 1002", 2)
        shell.close()
        await nothing_like(connection, "sleep 1002")
        assert (await bystander.communicate("still here"))[0] == "still here"


@CONNECTION_MODE
async def test_a_child_that_redirected_its_streams_lives_on(server: Server) -> None:
    async with server.connect() as connection:
        done = await connection.run("sleep 60 >/dev/null 2>&1 </dev/null & echo started")
        assert (done.exit_status, done.stdout) == (0, "started\n")
        assert await running(connection, "sleep 60") == 1


async def test_a_disconnect_hangs_programs_up_before_they_are_killed(server: Server, shared_folder: str) -> None:
    async with server.connect() as connection:
        process = await connection.create_process(
            f'trap "echo hup >{shared_folder}/hup; exit" HUP; echo ready; while :; do sleep 0.05; done'
        )
        assert await process.stdout.readline() == "ready\n"
        connection.abort()
    deadline = time.monotonic() + EVENT_SECONDS
    while server.ssh(f"cat {shared_folder}/hup").stdout != b"hup\n":
        assert time.monotonic() < deadline


@pytest.mark.parametrize("mode", ["connection", "session"])
async def test_whoever_runs_out_of_memory_is_told(serving: Serving, mode: str) -> None:
    limits = {"Memory": 32 << 20, "MemorySwap": 32 << 20}
    with serving({"mode": mode, "host": limits}) as server:
        async with server.connect() as connection:
            done = await end_of(await connection.create_process("exec sort /dev/zero -S 100M"))
            assert done.exit_status == 137
            assert "OUT_OF_MEMORY" in str(done.stderr)


async def test_whoever_loses_his_container_is_told(server: Server, docker_client: DockerClient) -> None:
    async with server.connect() as connection:
        process = await connection.create_process("hostname; sleep 1005")
        docker_client.containers.get((await process.stdout.readline()).strip()).kill()
        done = await end_of(process)
        assert done.exit_status == 137
        assert "CONTAINER_LOST" in str(done.stderr)


@CONNECTION_MODE
async def test_a_program_that_is_killed_is_told_at_once(server: Server) -> None:
    async with server.connect() as connection:
        done = await end_of(await connection.create_process("kill -9 $$"))
        assert (done.exit_status, done.stderr) == (137, "")


async def test_a_program_that_ends_while_nobody_reads_is_reported(server: Server) -> None:
    mark = server.log_mark()
    async with server.connect() as connection:
        process = await connection.create_process("head -c 100000 /dev/zero; exit 6", encoding=None, window=32768)
        process.channel.pause_reading()
        server.wait_for_log("event=program_ended.*status=6", since=mark)
        process.channel.resume_reading()
        done = await end_of(process)
        assert (done.exit_status, len(done.stdout)) == (6, 100_000)


@pytest.mark.parametrize("attempt", range(3))
def test_an_image_without_a_shell_is_told_in_one_way(
    serving: Serving, docker_client: DockerClient, mini_image: str, attempt: int
) -> None:
    with (
        shell_less_image(docker_client, mini_image) as image,
        serving({"mode": "connection", "container": {"Image": image}}) as server,
    ):
        done = server.ssh("true")
        assert done.returncode == 255
        assert b"The image for this session has no shell. (IMAGE_WITHOUT_SHELL)" in done.stderr
