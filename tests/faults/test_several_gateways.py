"""Several gateways on one engine, of one host and of another: none touches what another one that lives has."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest
from support.census import LeavesNoContainer
from support.clients import Client, clients
from support.engine_proxy import EngineProxy
from support.gateway import Gateway, StartGateway, wait_until
from support.pool_switch import COLD

pytestmark = [pytest.mark.engine, pytest.mark.timeout(120)]

SLEEP_OR_ECHO = "echo ready; exec cat"


@pytest.fixture
def hosts(tmp_path: Path) -> Callable[[str], Path]:
    """The state folder of a host: to gateways it is what tells one machine from another."""

    def state(host: str) -> Path:
        folder = tmp_path / host
        folder.mkdir(mode=0o700, exist_ok=True)
        return folder

    return state


def is_served(user: Client, word: str) -> None:
    user.type(word)
    user.expect(word)


def test_neither_sweeps_nor_deaths_reach_another_ones_containers(
    start_gateway: StartGateway,
    leaving_no_container: LeavesNoContainer,
    mode: str,
    hosts: Callable[[str], Path],
    proxy: EngineProxy,
) -> None:
    here, there = hosts("here"), hosts("there")
    one, sibling = start_gateway(mode, state=here), start_gateway(mode, state=here)
    far = start_gateway(mode, state=there)
    starts = proxy.hold_request("POST", "/containers/[^/]+/start")
    # The one start is the user's.
    slow = start_gateway(mode, state=there, host=proxy.host, execution=COLD)
    with ExitStack() as stack:

        def user_of(gateway: Gateway) -> Client:
            [user] = stack.enter_context(clients(gateway, 1, SLEEP_OR_ECHO))
            return user

        doomed, near, distant = user_of(one), user_of(sibling), user_of(far)
        for user in (doomed, near, distant):
            user.expect("ready")
        unstarted = user_of(slow)
        starts.wait_for(1)
        wait_until(one.guarded)

        # A gateway that begins looks at everybody's containers: of its own host, and of the other one.
        for host in (here, there):
            swept = start_gateway(mode, state=host)
            swept.wait_for_log("event=engine_events_watched")
            assert swept.ssh("echo looked around").stdout == b"looked around\n"
        for user, word in ((doomed, "first"), (near, "second"), (distant, "third")):
            is_served(user, word)
        assert [container.status for container in slow.containers()] == ["created"]

        # One dies: its janitor, its sibling and whoever begins on its host take its own only.
        with leaving_no_container("gateway killed beside three others", one) as fault:
            fault.kill_gateway()
        start_gateway(mode, state=here)
        is_served(near, "fourth")
        is_served(distant, "fifth")
        starts.release()
        unstarted.expect("ready")
        is_served(unstarted, "sixth")


def test_without_its_janitor_only_its_own_host_removes_what_it_left(
    start_gateway: StartGateway, mode: str, hosts: Callable[[str], Path]
) -> None:
    here, there = hosts("here"), hosts("there")
    dead, far = start_gateway(mode, state=here), start_gateway(mode, state=there)
    stop_everything = "echo ready; read -r line; kill -STOP -1; echo stopped; exec sleep 1000"
    with clients(dead, 1, stop_everything) as (root,), clients(far, 1, SLEEP_OR_ECHO) as (distant,):
        root.expect("ready")
        distant.expect("ready")
        wait_until(dead.guarded)
        root.type("go")
        root.expect("stopped")
        dead.kill_janitor_first()
        start_gateway(mode, state=there).wait_for_log("event=engine_events_watched")
        assert len(dead.containers()) == 1
        start_gateway(mode, state=here)
        dead.await_no_container(20)
        is_served(distant, "unharmed")
