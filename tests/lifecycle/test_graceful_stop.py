"""SIGTERM, a second one, and SIGUSR1."""

from __future__ import annotations

import signal

import pytest
from support.clients import clients
from support.engine_proxy import EngineProxy
from support.gateway import GONE_SECONDS, StartGateway, wait_until

pytestmark = pytest.mark.engine

FIVE = 5


@pytest.mark.parametrize(("mode", "number"), [("connection", signal.SIGTERM), ("session", signal.SIGINT)])
def test_a_signal_ends_five_sessions_and_the_server_in_good_order(
    start_gateway: StartGateway, mode: str, number: signal.Signals
) -> None:
    gateway = start_gateway(mode, timeouts={"containerStop": "10s"})
    with clients(gateway, FIVE, "echo ready; exec sleep 1000", options=["-tt"]) as terminals:
        for terminal in terminals:
            terminal.expect("ready")
        janitor = gateway.janitor
        gateway.signal(number)
        assert gateway.wait(10) == 0
        assert gateway.containers() == []
        assert not janitor.is_running()
        for terminal in terminals:
            terminal.wait()
            assert b"The server is shutting down." in terminal.output


def test_a_second_signal_ends_it_at_once_and_the_janitor_removes_the_rest(
    start_gateway: StartGateway, mode: str, proxy: EngineProxy
) -> None:
    removals = proxy.hold_request("DELETE", "/containers/.*", most=1)
    gateway = start_gateway(mode, host=proxy.host)
    with clients(gateway, 1, "echo ready; exec sleep 1000") as sessions:
        sessions[0].expect("ready")
        gateway.signal(signal.SIGTERM)
        removals.wait_for(1)
        assert gateway.alive
        gateway.signal(signal.SIGTERM)
        assert gateway.wait(GONE_SECONDS) == 128 + signal.SIGTERM
        gateway.await_no_container()


def test_sigusr1_prints_the_stack_of_every_thread(start_gateway: StartGateway) -> None:
    gateway = start_gateway("connection")
    with clients(gateway, 1, "echo ready; exec sleep 1000") as sessions:
        sessions[0].expect("ready")
        wait_until(lambda: len(gateway.stacks()) == gateway.process.num_threads())
        stacks = "".join(gateway.stacks())
        for code in ("/__main__.py", "/engine/watcher.py", "/engine/janitor_link.py", "/pykka/_actor.py"):
            assert code in stacks
