"""`kill -9` of the gateway leaves no container, whatever its sessions were doing."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from support.census import LeavesNoContainer
from support.clients import clients
from support.engine_proxy import EngineProxy
from support.gateway import StartGateway, wait_until
from support.pool_switch import COLD

pytestmark = pytest.mark.engine

FIVE = 5


@dataclass(frozen=True)
class Kind:
    """Sessions that are there when the gateway dies; they say `said` when they are as far as that."""

    name: str
    command: tuple[str, ...] = ()
    said: str = "ready"
    typed: str | None = None
    options: tuple[str, ...] = ()
    stdin: bool = True

    def __str__(self) -> str:
        return self.name


KINDS = [
    Kind("idle shells", typed="echo rea''dy"),
    Kind("terminals", typed="echo rea''dy", options=("-tt",)),
    Kind("programs that never read", ("echo ready; exec sleep 1000",)),
    Kind("stdin at its end", ("cat; echo ready; exec sleep 1000",), stdin=False),
    Kind("in the middle of output", ("yes",), said="y\ny\n"),
]


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_sessions_of_every_kind(
    start_gateway: StartGateway, leaving_no_container: LeavesNoContainer, mode: str, kind: Kind
) -> None:
    gateway = start_gateway(mode)
    with (
        clients(gateway, FIVE, *kind.command, options=kind.options, stdin=kind.stdin) as sessions,
        leaving_no_container(f"gateway killed, {kind}", gateway) as fault,
    ):
        for session in sessions:
            if kind.typed:
                session.type(kind.typed)
            session.expect(kind.said)
        assert len(gateway.containers()) == FIVE
        fault.kill_gateway()


def test_silent_programs_that_have_no_guard_yet(
    start_gateway: StartGateway, leaving_no_container: LeavesNoContainer
) -> None:
    gateway = start_gateway("session")
    with (
        clients(gateway, FIVE, "exec sleep 1000"),
        leaving_no_container("gateway killed, no guard yet", gateway) as fault,
    ):
        wait_until(lambda: gateway.metric("sshore_program_start_seconds_count") == FIVE)
        fault.kill_gateway()


def test_containers_between_create_and_start(
    start_gateway: StartGateway, leaving_no_container: LeavesNoContainer, mode: str, proxy: EngineProxy
) -> None:
    starts = proxy.hold_request("POST", "/containers/[^/]+/start")
    # The five are users' own starts.
    gateway = start_gateway(mode, host=proxy.for_crowd(FIVE), execution=COLD)
    with (
        clients(gateway, FIVE, "true"),
        leaving_no_container("gateway killed between create and start", gateway) as fault,
    ):
        starts.wait_for(FIVE)
        assert {container.status for container in gateway.containers()} == {"created"}
        assert len(gateway.containers()) == FIVE
        fault.kill_gateway()


def test_containers_whose_creates_were_not_answered(
    start_gateway: StartGateway, leaving_no_container: LeavesNoContainer, mode: str, proxy: EngineProxy
) -> None:
    creates = proxy.hold_answer("POST", "/containers/create.*")
    # The five are users' own creates.
    gateway = start_gateway(mode, host=proxy.for_crowd(FIVE), execution=COLD)
    with clients(gateway, FIVE, "true"), leaving_no_container("gateway killed in create", gateway) as fault:
        creates.wait_for(FIVE)
        assert len(gateway.containers()) == FIVE
        fault.kill_gateway()


def test_a_container_that_is_created_behind_the_gateways_death(
    start_gateway: StartGateway, leaving_no_container: LeavesNoContainer, mode: str, proxy: EngineProxy
) -> None:
    held = proxy.hold_request("POST", "/containers/create.*")
    created = proxy.hold_answer("POST", "/containers/create.*")
    not_there = proxy.hold_answer("DELETE", "/containers/.*")
    # The one create is the user's.
    gateway = start_gateway(mode, host=proxy.host, execution=COLD)
    with leaving_no_container("gateway killed, the create came later", gateway) as fault, clients(gateway, 1, "true"):
        held.wait_for(1)
        fault.kill_gateway()
        not_there.wait_for(1)
        held.release()
        created.wait_for(1)
        not_there.release()
