"""What a service manager hears from a server (sd_notify(3))."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.clients import clients
from support.gateway import GONE_SECONDS, StartGateway
from support.server import EVENT_SECONDS
from support.service_manager import Manager, manager

pytestmark = pytest.mark.engine

INTERVAL = 2.0
WATCHED = {"WATCHDOG_USEC": str(int(INTERVAL * 1_000_000))}


@pytest.fixture(params=["a path", "an abstract name"])
def told(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Manager]:
    """A manager with a socket of either kind."""
    with manager(tmp_path if request.param == "a path" else None) as told:
        yield told


def test_a_start_a_reload_and_a_stop_are_announced(told: Manager, start_gateway: StartGateway) -> None:
    gateway = start_gateway("connection", environment=told.environment, sections={"ssh": {"drainTime": "5m"}})
    ready = told.expect("READY=1")
    told.expect("STATUS=Serving, clients: 0", ready)
    assert not [line for line in told.said[:ready] if not line.startswith("STATUS=")]
    with clients(gateway, 1, "echo ready; read -r line") as sessions:
        sessions[0].expect("ready")
        told.expect("STATUS=Serving, clients: 1", ready)
        gateway.signal(signal.SIGHUP)
        reloading = told.expect("RELOADING=1", ready)
        assert re.fullmatch(r"MONOTONIC_USEC=\d+", told.said[reloading + 1])
        ready = told.expect("READY=1", reloading)
        gateway.signal(signal.SIGTERM)
        stopping = told.expect("STOPPING=1", ready)
        told.expect("STATUS=Shutting down, clients left: 1", stopping)
        sessions[0].type("on")
        assert sessions[0].wait() == 0
    assert gateway.wait(EVENT_SECONDS) == 0
    assert "READY=1" not in told.said[stopping:] + told.hear_out(0.1)


def test_a_reload_that_is_refused_is_over_too(start_gateway: StartGateway) -> None:
    with manager() as told:
        gateway = start_gateway("connection", environment=told.environment)
        ready = told.expect("READY=1")
        gateway.settings["nonsense"] = True
        gateway.write_settings()
        gateway.signal(signal.SIGHUP)
        told.expect("READY=1", told.expect("RELOADING=1", ready))
        gateway.wait_for_log("event=reload_refused key=nonsense")


def test_nobody_hears_ready_again_once_a_stop_has_begun(start_gateway: StartGateway) -> None:
    with manager() as told:
        gateway = start_gateway("connection", environment=told.environment)
        ready = told.expect("READY=1")
        gateway.signal(signal.SIGHUP)
        gateway.signal(signal.SIGTERM)
        assert gateway.wait(EVENT_SECONDS) == 0
        told.hear_out(0.1)
        stopping = told.expect("STOPPING=1", ready)
        assert "READY=1" not in told.said[stopping:]


def test_the_watchdog_is_fed_twice_in_its_time(start_gateway: StartGateway) -> None:
    with manager() as told:
        start_gateway("connection", environment=told.environment | WATCHED)
        place = told.expect("WATCHDOG=1")
        for _ in range(3):
            place = told.expect("WATCHDOG=1", place + 1, INTERVAL)


def test_an_engine_that_is_away_is_no_reason_to_end_the_server(start_gateway: StartGateway) -> None:
    with manager() as told:
        start_gateway("connection", environment=told.environment | WATCHED, host="unix:///nowhere/docker.sock")
        place = told.expect("WATCHDOG=1")
        for _ in range(3):
            place = told.expect("WATCHDOG=1", place + 1, 2 * INTERVAL)


def test_a_loop_that_stands_still_does_not_feed_it(start_gateway: StartGateway) -> None:
    with manager() as told:
        gateway = start_gateway("connection", environment=told.environment | WATCHED)
        told.expect("WATCHDOG=1")
        gateway.signal(signal.SIGSTOP)
        told.hear_out(0.2)
        assert told.hear_out(2 * INTERVAL) == []
        gateway.signal(signal.SIGCONT)
        told.expect("WATCHDOG=1", len(told.said))


def test_the_watchdogs_signal_leaves_the_stacks_and_the_janitor(start_gateway: StartGateway, mode: str) -> None:
    gateway = start_gateway(mode)
    with clients(gateway, 1, "echo ready; exec sleep 1000") as sessions:
        sessions[0].expect("ready")
        # systemd sends it to every process of the unit.
        janitor = gateway.janitor
        janitor.send_signal(signal.SIGABRT)
        assert gateway.ssh("true").returncode == 0
        assert gateway.janitor == janitor
        gateway.signal(signal.SIGABRT)
        assert gateway.wait() == -signal.SIGABRT
        gateway.await_no_container(2 * GONE_SECONDS)
    assert "Fatal Python error: Aborted" in gateway.log
