"""Session mode with an image whose ENTRYPOINT has to be pid 1, and `Init: false`: what works, and what removes it."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from typing import Any

import asyncssh
import pytest
from docker import DockerClient
from support.clients import clients
from support.gateway import StartGateway, wait_until
from support.images import built_image
from support.server import Server

pytestmark = pytest.mark.engine

ENTRYPOINT = """\
ENTRYPOINT ["/bin/sh", "-c", "[ $$ = 1 ] || { echo not pid 1 >&2; exit 100; }; exec \\"$@\\"", "entrypoint"]
CMD ["/bin/sh"]
"""
"""As s6-overlay's: it wants to be the first process, or nothing."""
WITHOUT = {"Init": False}


@pytest.fixture(scope="module")
def image(docker_client: DockerClient, mini_image: str) -> Iterator[str]:
    with built_image(docker_client, mini_image, ENTRYPOINT) as name:
        yield name


@pytest.fixture(scope="module")
def server(serving: Callable[..., Any], image: str) -> Iterator[Server]:
    with serving({"mode": "session", "container": {"Image": image}, "host": WITHOUT}) as started:
        yield started


def test_with_an_init_it_does_not_run(serving: Callable[..., Any], image: str) -> None:
    with serving({"mode": "session", "container": {"Image": image}}) as server:
        done = server.ssh("echo here")
    assert (done.returncode, done.stdout) == (100, b"")


def test_without_one_it_does(server: Server) -> None:
    done = server.ssh("cat; echo $$; exit 7", stdin=b"given\n")
    assert (done.returncode, done.stdout) == (7, b"given\n1\n"), done.stderr
    terminal = server.ssh("test -t 0 && echo terminal", options=["-tt"])
    assert (terminal.returncode, terminal.stdout) == (0, b"terminal\r\n")


async def test_a_signal_reaches_a_program_that_takes_it(server: Server) -> None:
    async with server.connect() as connection:
        waiting = "trap 'echo got it; exit 3' TERM; echo ready; while :; do sleep 0.1; done"
        process: asyncssh.SSHClientProcess[str] = await connection.create_process(waiting)
        assert await process.stdout.readline() == "ready\n"
        process.send_signal("TERM")
        done = await process.wait(timeout=20)
    assert (done.exit_status, done.stdout) == (3, "got it\n")


async def test_kill_ends_a_program_that_takes_nothing(server: Server) -> None:
    async with server.connect() as connection:
        process: asyncssh.SSHClientProcess[str] = await connection.create_process("echo ready; exec sleep 1000")
        assert await process.stdout.readline() == "ready\n"
        process.send_signal("KILL")
        assert (await process.wait(timeout=20)).exit_status == 128 + signal.SIGKILL


def test_a_client_that_leaves_takes_its_container_along(start_gateway: StartGateway, image: str) -> None:
    gateway = start_gateway("session", image=image, limits_of_containers=WITHOUT)
    with clients(gateway, 1, "echo ready; exec sleep 1000") as sessions:
        sessions[0].expect("ready")
        assert len(gateway.containers()) == 1
    gateway.await_no_container()


def test_the_janitor_removes_it_when_the_gateway_is_killed(start_gateway: StartGateway, image: str) -> None:
    gateway = start_gateway("session", image=image, limits_of_containers=WITHOUT)
    with clients(gateway, 1, "echo ready; exec sleep 1000") as sessions:
        sessions[0].expect("ready")
        gateway.kill()
        gateway.await_no_container()


def test_the_guard_ends_a_program_that_takes_term(start_gateway: StartGateway, image: str) -> None:
    gateway = start_gateway("session", image=image, limits_of_containers=WITHOUT)
    with clients(gateway, 1, "trap 'exit' TERM; echo ready; while :; do sleep 0.1; done") as sessions:
        sessions[0].expect("ready")
        wait_until(gateway.guarded)
        gateway.kill_janitor_first()
        gateway.await_no_container()


def test_the_next_gateways_sweep_removes_what_took_nothing(
    start_gateway: StartGateway, image: str, state_dir: Any
) -> None:
    gateway = start_gateway("session", image=image, limits_of_containers=WITHOUT, state=state_dir)
    with clients(gateway, 1, "echo ready; exec sleep 1000") as sessions:
        sessions[0].expect("ready")
        gateway.kill_janitor_first()
        assert len(gateway.containers()) == 1
        start_gateway("session", state=state_dir)
        gateway.await_no_container()
