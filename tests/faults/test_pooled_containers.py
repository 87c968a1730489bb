"""Containers that wait for users: whatever dies, none is left, and no user gets a dead one."""

from __future__ import annotations

import os
import signal
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from docker import DockerClient
from support.census import REST_SECONDS, LeavesNoContainer
from support.clients import clients
from support.engine_proxy import EngineProxy
from support.gateway import Gateway, StartGateway, wait_until
from support.own_engine import OwnEngine

pytestmark = pytest.mark.engine

SIZE = 3
POOL: dict[str, Any] = {"execution": {"pool": {"size": SIZE}}}


def waits(gateway: Gateway, number: int = SIZE) -> None:
    """Wait until so many containers wait."""
    wait_until(lambda: gateway.metric("sshore_pool_waiting") == number, REST_SECONDS)


def test_a_killed_gateway_leaves_none_that_waited_or_was_handed_out(
    start_gateway: StartGateway, leaving_no_container: LeavesNoContainer
) -> None:
    gateway = start_gateway("connection", **POOL)
    waits(gateway)
    with (
        clients(gateway, 2, "echo ready; exec sleep 1000") as users,
        leaving_no_container("gateway killed, with a pool", gateway, 2) as fault,
    ):
        for user in users:
            user.expect("ready")
        waits(gateway)
        assert len(gateway.all_containers()) == SIZE + 2
        fault.kill_gateway()


def test_the_switch_alone_ends_those_that_wait(
    start_gateway: StartGateway, leaving_no_container: LeavesNoContainer
) -> None:
    gateway = start_gateway("connection", **POOL)
    waits(gateway)
    with leaving_no_container("gateway and janitor killed: the switch alone, with a pool", gateway, 0) as fault:
        gateway.kill_janitor_first()
        fault.begins()


def test_the_sweep_removes_one_that_was_not_started_yet(
    start_gateway: StartGateway, proxy: EngineProxy, state_dir: Path
) -> None:
    starts = proxy.hold_request("POST", "/containers/[^/]+/start")
    gateway = start_gateway("connection", host=proxy.host, state=state_dir, **POOL)
    starts.wait_for(1)
    gateway.kill_janitor_first()
    assert [container.status for container in gateway.all_containers()] == ["created"]

    start_gateway("connection", state=state_dir, **POOL)
    gateway.await_no_container()


def test_a_stop_in_the_middle_of_a_fill_leaves_nothing(start_gateway: StartGateway, proxy: EngineProxy) -> None:
    created = proxy.hold_answer("POST", "/containers/create.*")
    gateway = start_gateway("connection", host=proxy.host, **POOL)
    created.wait_for(1)
    created.release()
    gateway.stop()


def test_an_engine_that_was_killed_fills_the_pool_when_it_is_back(
    own_engine: OwnEngine, start_gateway: StartGateway
) -> None:
    own_engine.start()
    with closing(DockerClient(base_url=own_engine.host)) as client:
        gateway = start_gateway("connection", client=client, host=own_engine.host, **POOL)
        waits(gateway)
        before = {container.id for container in gateway.all_containers()}
        os.kill(own_engine.pid, signal.SIGKILL)
        own_engine.stop()
        own_engine.start()
        gateway.wait_for_log("(?s)reason=died.*pool_filled.*pool_filled.*pool_filled", REST_SECONDS)
        waits(gateway)
        assert gateway.ssh("exit 6").returncode == 6
        waits(gateway)
        assert before.isdisjoint({container.id for container in gateway.all_containers()})
        gateway.stop()
