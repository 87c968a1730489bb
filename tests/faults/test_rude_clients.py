"""Clients that leave, politely or not: the gateway that goes on holds nothing more than before."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from support.census import LeavesNothing
from support.clients import clients
from support.gateway import Gateway, wait_until

pytestmark = pytest.mark.engine

FIVE = 5


def log_out(gateway: Gateway) -> None:
    with clients(gateway, FIVE) as shells:
        for shell in shells:
            shell.type("echo ready")
            shell.expect("ready")
        for shell in shells:
            shell.log_out()
            assert shell.wait() == 0


def kill_in_the_middle_of_output(gateway: Gateway) -> None:
    with clients(gateway, FIVE, "yes") as talkers:
        for talker in talkers:
            talker.expect("y\ny\n")
        for talker in talkers:
            talker.kill()


def kill_terminals(gateway: Gateway) -> None:
    with clients(gateway, FIVE, "echo ready; exec sleep 1000", options=["-tt"]) as terminals:
        for terminal in terminals:
            terminal.expect("ready")
        for terminal in terminals:
            terminal.kill()


def kill_half_closed(gateway: Gateway) -> None:
    with clients(gateway, FIVE, "cat; echo ready; exec sleep 1000", stdin=False) as half_closed:
        for client in half_closed:
            client.expect("ready")
        for client in half_closed:
            client.kill()


def kill_before_the_program_runs(gateway: Gateway) -> None:
    with clients(gateway, FIVE, "sleep 1000") as early:
        wait_until(lambda: gateway.containers())
        for client in early:
            client.kill()


LEAVINGS = (log_out, kill_in_the_middle_of_output, kill_terminals, kill_half_closed, kill_before_the_program_runs)


@pytest.mark.parametrize("leave", LEAVINGS)
def test_nothing_is_left_of_five_sessions(
    gateway: Gateway, leaving_nothing: LeavesNothing, leave: Callable[[Gateway], None]
) -> None:
    with leaving_nothing(f"{FIVE} clients: {leave.__name__.replace('_', ' ')}", gateway) as fault:
        leave(gateway)
        fault.begins()
        fault.saw = "status 0" if leave is log_out else "they are gone"
    assert gateway.metric("sshore_containers_current") == gateway.pool_size


def test_a_program_ends_with_its_channel_while_the_connection_goes_on(
    gateway: Gateway, leaving_nothing: LeavesNothing
) -> None:
    with (
        leaving_nothing("channels closed, connection kept", gateway) as fault,
        gateway.master() as shared,
        clients(gateway, 1, options=shared) as neighbours,
    ):
        neighbours[0].type("echo ready")
        neighbours[0].expect("ready")
        wait_until(gateway.guarded)
        idle = gateway.settled_processes()
        command = "trap '' HUP; sleep 1000 & yes"
        with clients(gateway, FIVE, command, options=shared) as talkers:
            for talker in talkers:
                talker.expect("y\ny\n")
            # `yes` and the `sleep` behind it.
            assert len(gateway.processes() - idle) >= 2 * FIVE
            for talker in talkers:
                talker.kill()

            def only_the_neighbour_is_left() -> bool:
                # OpenSSH 9.2's master may close a dead client's channel only when the next packet comes.
                neighbours[0].type("echo still he''re")
                return gateway.processes() == idle

            wait_until(only_the_neighbour_is_left)
        neighbours[0].expect("still here")
        fault.saw = "the connection's other session goes on"
        fault.begins()
