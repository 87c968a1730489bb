"""`kill -9` of the gateway leaves no container, whatever its sessions were doing."""

from __future__ import annotations

import pytest
from support.census import LeavesNoContainer
from support.clients import clients
from support.engine_proxy import EngineProxy
from support.gateway import StartGateway, wait_until

pytestmark = pytest.mark.engine

FIVE = 5


def test_idle_shells(start_gateway: StartGateway, leaving_no_container: LeavesNoContainer, mode: str) -> None:
    gateway = start_gateway(mode)
    with clients(gateway, FIVE) as shells, leaving_no_container("gateway killed, idle shells", gateway) as fault:
        for shell in shells:
            shell.type("echo ready")
            shell.expect("ready")
        assert len(gateway.containers()) == FIVE
        fault.kill_gateway()


def test_programs_that_never_read_their_stdin(
    start_gateway: StartGateway, leaving_no_container: LeavesNoContainer, mode: str
) -> None:
    gateway = start_gateway(mode)
    with (
        clients(gateway, FIVE, "echo ready; exec sleep 1000") as sleepers,
        leaving_no_container("gateway killed, programs that never read", gateway) as fault,
    ):
        for sleeper in sleepers:
            sleeper.expect("ready")
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


def test_terminals(start_gateway: StartGateway, leaving_no_container: LeavesNoContainer, mode: str) -> None:
    gateway = start_gateway(mode)
    with (
        clients(gateway, FIVE, options=["-tt"]) as terminals,
        leaving_no_container("gateway killed, terminals", gateway) as fault,
    ):
        for terminal in terminals:
            terminal.type("echo rea''dy")
            terminal.expect("ready")
        fault.kill_gateway()


def test_programs_behind_the_end_of_their_stdin(
    start_gateway: StartGateway, leaving_no_container: LeavesNoContainer, mode: str
) -> None:
    gateway = start_gateway(mode)
    with (
        clients(gateway, FIVE, "cat; echo ready; exec sleep 1000", stdin=False) as half_closed,
        leaving_no_container("gateway killed, stdin at its end", gateway) as fault,
    ):
        for client in half_closed:
            client.expect("ready")
        fault.kill_gateway()


def test_programs_in_the_middle_of_output(
    start_gateway: StartGateway, leaving_no_container: LeavesNoContainer, mode: str
) -> None:
    gateway = start_gateway(mode)
    with (
        clients(gateway, FIVE, "yes") as talkers,
        leaving_no_container("gateway killed in the middle of output", gateway) as fault,
    ):
        for talker in talkers:
            talker.expect("y\ny\n")
        fault.kill_gateway()


def test_containers_between_create_and_start(
    start_gateway: StartGateway, leaving_no_container: LeavesNoContainer, mode: str, proxy: EngineProxy
) -> None:
    starts = proxy.hold_request("POST", "/containers/[^/]+/start")
    gateway = start_gateway(mode, host=proxy.host)
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
    gateway = start_gateway(mode, host=proxy.host)
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
    gateway = start_gateway(mode, host=proxy.host)
    with leaving_no_container("gateway killed, the create came later", gateway) as fault, clients(gateway, 1, "true"):
        held.wait_for(1)
        fault.kill_gateway()
        not_there.wait_for(1)
        held.release()
        created.wait_for(1)
        not_there.release()
