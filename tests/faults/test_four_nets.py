"""What removes the containers of a killed gateway: each of the four ways alone, with the other three off."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest
from docker import DockerClient
from docker.errors import NotFound
from support.census import LeavesNoContainer
from support.clients import Client, clients
from support.engine_proxy import EngineProxy
from support.gateway import Gateway, StartGateway, wait_until
from support.pool_switch import COLD

pytestmark = pytest.mark.engine

FIVE = 5
CUT_OFF = "the connection ends"
STOP_EVERYTHING_ELSE = "kill -STOP -1; echo stopped; exec sleep 1000"
"""For a user who is root in his container: neither idle program nor guard can act any more."""


@contextmanager
def defeated(gateway: Gateway, count: int = 1) -> Iterator[list[Client]]:
    """Sessions of users who have stopped whatever would end their containers."""
    with clients(gateway, count, f"echo ready; read line; {STOP_EVERYTHING_ELSE}") as sessions:
        for session in sessions:
            session.expect("ready")
        wait_until(gateway.guarded)
        for session in sessions:
            session.type("go")
            session.expect("stopped")
        yield sessions


# The switch alone: the janitor dies first, and no gateway starts.


def test_the_switch_alone_ends_every_container(
    start_gateway: StartGateway, leaving_no_container: LeavesNoContainer, mode: str
) -> None:
    gateway = start_gateway(mode)
    with ExitStack() as stack:
        sessions = [
            *stack.enter_context(clients(gateway, 1, "echo ready; exec sh")),
            *stack.enter_context(clients(gateway, 1, "echo ready; exec sleep 1000")),
            *stack.enter_context(clients(gateway, 1, "echo ready; exec sh", options=["-tt"])),
            *stack.enter_context(clients(gateway, 1, "cat; echo ready; exec sleep 1000", stdin=False)),
            *stack.enter_context(clients(gateway, 1, "echo ready; exec yes")),
        ]
        for session in sessions:
            session.expect("ready")
        wait_until(gateway.guarded)
        with leaving_no_container("gateway and janitor killed: the switch alone", gateway) as fault:
            gateway.kill_janitor_first()
            fault.begins()
            fault.saw = CUT_OFF


# The janitor alone: containers that have no switch, or whose switch a user has stopped.


def test_the_janitor_alone_removes_what_was_never_started(
    start_gateway: StartGateway, leaving_no_container: LeavesNoContainer, mode: str, proxy: EngineProxy
) -> None:
    starts = proxy.hold_request("POST", "/containers/[^/]+/start")
    # The five are users' own starts.
    gateway = start_gateway(mode, host=proxy.for_crowd(FIVE), execution=COLD)
    with (
        clients(gateway, FIVE, "true"),
        leaving_no_container("gateway killed: the janitor alone, never started", gateway) as fault,
    ):
        starts.wait_for(FIVE)
        fault.kill_gateway()


def test_the_janitor_alone_removes_what_its_users_held_open(
    start_gateway: StartGateway, leaving_no_container: LeavesNoContainer, mode: str
) -> None:
    gateway = start_gateway(mode)
    with (
        defeated(gateway, FIVE),
        leaving_no_container("gateway killed: the janitor alone, held open", gateway) as fault,
    ):
        fault.kill_gateway()


# The sweep alone: gateway and janitor are dead, and the switch cannot work.


def test_the_sweep_removes_what_dead_gateways_of_its_state_folder_left(
    start_gateway: StartGateway, mode: str, state_dir: Path
) -> None:
    dead, living = start_gateway(mode, state=state_dir), start_gateway(mode, state=state_dir)
    with defeated(dead, FIVE), clients(living, 1) as neighbours:
        neighbours[0].type("echo ready")
        neighbours[0].expect("ready")
        dead.kill_janitor_first()
        assert len(dead.containers()) == FIVE

        start_gateway(mode, state=state_dir)
        dead.await_no_container()
        # His container is the newest, and the newest was judged first.
        neighbours[0].type("echo still he''re")
        neighbours[0].expect("still here")


def test_the_sweep_removes_what_was_never_started(
    start_gateway: StartGateway, mode: str, state_dir: Path, proxy: EngineProxy
) -> None:
    starts = proxy.hold_request("POST", "/containers/[^/]+/start")
    # The five are users' own starts.
    gateway = start_gateway(mode, host=proxy.for_crowd(FIVE), state=state_dir, execution=COLD)
    with clients(gateway, FIVE, "true"):
        starts.wait_for(FIVE)
        gateway.kill_janitor_first()
    assert len(gateway.containers()) == FIVE

    start_gateway(mode, state=state_dir)
    gateway.await_no_container()


def test_the_sweep_touches_nothing_of_other_state_folders(
    start_gateway: StartGateway, docker_client: DockerClient, mini_image: str, tmp_path: Path, state_dir: Path
) -> None:
    (tmp_path / "machine").write_text("1f" * 8)
    with left_behind(docker_client, mini_image, machine="1f" * 8) as own:
        dead = start_gateway("connection", state=state_dir)
        with defeated(dead), left_behind(docker_client, mini_image, machine="2e" * 8) as foreign:
            dead.kill_janitor_first()
            start_gateway("connection", state=tmp_path)
            # The oldest is removed last: when it is gone, everything was judged.
            wait_until(lambda: not exists(docker_client, own))
            assert exists(docker_client, foreign)
            assert len(dead.containers()) == 1


def test_the_sweep_removes_anybodys_container_that_was_created_long_ago_and_never_started(
    start_gateway: StartGateway, docker_client: DockerClient, mini_image: str
) -> None:
    with left_behind(docker_client, mini_image, machine="2e" * 8) as foreign:
        created = time.time()
        wait_until(lambda: time.time() - created > 2)
        start_gateway("connection", timeouts={"containerStart": "1s"})
        wait_until(lambda: not exists(docker_client, foreign))


# The names alone: the gateway lives, and what it gave up was never started.


def test_a_container_is_removed_whose_create_came_true_behind_its_timeout(
    start_gateway: StartGateway, mode: str, proxy: EngineProxy
) -> None:
    held = proxy.hold_request("POST", "/containers/create.*")
    created = proxy.hold_answer("POST", "/containers/create.*")
    # The five are users' own creates.
    gateway = start_gateway(mode, host=proxy.for_crowd(FIVE), timeouts={"containerStart": "1s"}, execution=COLD)
    with clients(gateway, FIVE, "true", stdin=False) as refused:
        for client in refused:
            assert client.wait() == 255
            assert b"sshore: Containers take too long at the moment" in client.output
        held.release()
        created.wait_for(FIVE)
        gateway.await_no_container()
    assert gateway.alive


@contextmanager
def left_behind(client: DockerClient, image: str, *, machine: str) -> Iterator[str]:
    """A container that a dead gateway of this machine created and did not start."""
    name = f"sshore-tests-{secrets.token_hex(6)}"
    labels = {"sshore": "1", "sshore.gateway": secrets.token_hex(8), "sshore.machine": machine}
    client.api.create_container(image, name=name, labels=labels)
    try:
        yield name
    finally:
        with suppress(NotFound):
            client.api.remove_container(name, force=True)


def exists(client: DockerClient, name: str) -> bool:
    return bool(client.api.containers(all=True, filters={"name": name}))
