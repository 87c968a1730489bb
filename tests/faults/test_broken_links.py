"""Connections that break: cut by a RST at every stage, or gone silent because the link went down."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
from collections.abc import Iterator

import asyncssh
import pytest
from support.census import LeavesNothing, warm_up
from support.clients import Client
from support.engine_proxy import EngineProxy
from support.gateway import Gateway, StartGateway
from support.link import Link
from support.pool_switch import COLD
from support.rude import SECONDS, ready, reset, rude
from support.witness import Witness, witness_of

pytestmark = pytest.mark.engine

KEEPALIVES = {"clientAliveInterval": "500ms", "clientAliveCountMax": 2}


class ResetsAt(asyncssh.SSHClient):
    """A client that resets its connection as soon as it is there, or as soon as it has exchanged keys."""

    def __init__(self, stage: str) -> None:
        self._stage = stage

    def connection_made(self, conn: asyncssh.SSHClientConnection) -> None:
        self._connection = conn
        if self._stage == "in the key exchange":
            # Behind the client's own first packets, before the server's answer.
            asyncio.get_running_loop().call_soon(reset, conn)

    def public_key_auth_requested(self) -> None:
        if self._stage == "in the login":
            reset(self._connection)
        return


@pytest.mark.parametrize("stage", ["in the key exchange", "in the login"])
async def test_a_reset_before_the_login(
    gateway: Gateway, leaving_nothing: LeavesNothing, witness: Witness, stage: str
) -> None:
    mark = gateway.log_mark()
    with leaving_nothing(f"RST {stage}", gateway) as fault:
        keys = None if stage == "in the login" else ()
        with pytest.raises((asyncssh.Error, OSError)):
            await gateway.connect(client_factory=lambda: ResetsAt(stage), client_keys=keys)
        fault.begins()
        gateway.wait_for_log("event=disconnected", since=mark)
        fault.saw = "his connection is gone"


@pytest.mark.parametrize(
    ("stage", "command"),
    [
        ("in the middle of output", "yes"),
        ("in the middle of input", "cat > /dev/null"),
        ("while nothing happens", "exec sleep 1000"),
    ],
)
@pytest.mark.parametrize("term", [None, "xterm"], ids=["pipes", "terminal"])
async def test_a_reset_behind_the_login(
    gateway: Gateway, leaving_nothing: LeavesNothing, witness: Witness, stage: str, command: str, term: str | None
) -> None:
    where = "on a terminal" if term else "without a terminal"
    with leaving_nothing(f"RST {stage}, {where}", gateway) as fault:
        async with rude(gateway) as connection:
            program = await ready(connection, command, term_type=term)
            if stage.endswith("input"):
                program.stdin.write(bytes(1 << 20))
            fault.begins()
            reset(connection)
            await asyncio.wait_for(connection.wait_closed(), SECONDS)
        fault.saw = "his connection is gone"


async def test_a_reset_while_the_container_starts(
    proxy: EngineProxy, start_gateway: StartGateway, leaving_nothing: LeavesNothing, mode: str
) -> None:
    # The one start is the user's.
    gateway = start_gateway(mode, host=proxy.host, execution=COLD)
    before = warm_up(gateway)
    held = proxy.hold_answer("POST", "/containers/[^/]+/start", most=1)
    with leaving_nothing("RST while the container starts", gateway, before) as fault:
        async with rude(gateway) as connection:
            opening = asyncio.ensure_future(connection.create_process("true"))
            await asyncio.to_thread(held.wait_for, 1)
            fault.begins()
            reset(connection)
            await asyncio.gather(opening, return_exceptions=True)
        held.release()
        fault.saw = "his connection is gone"


@contextlib.contextmanager
def at_the_far_end(link: Link, gateway: Gateway, command: str) -> Iterator[Client]:
    """A client in the other namespace whose program runs."""
    options = ["-o", f"HostName={link.near_address}"]
    client = Client([*link.far, *gateway.ssh_argv(f"echo ready; {command}", options=options)])
    try:
        client.expect("ready")
        yield client
    finally:
        client.close()


@pytest.mark.parametrize("command", ["exec sleep 1000", "yes"])
def test_a_link_that_goes_down_in_the_middle_of_a_session(
    start_gateway: StartGateway, leaving_nothing: LeavesNothing, mode: str, command: str
) -> None:
    gateway = start_gateway(mode, listen="0.0.0.0:0", limits=KEEPALIVES)
    warm_up(gateway)
    with Link() as link, witness_of(gateway) as neighbour:
        name = f"link goes down under `{command.removeprefix('exec ')}`, keepalives on"
        mark = gateway.log_mark()
        with (
            leaving_nothing(name, gateway, neighbour.before) as fault,
            at_the_far_end(link, gateway, command) as client,
        ):
            fault.begins()
            link.pull_out()
            gateway.wait_for_log("event=connection_refused .*code=CLIENT_GONE", SECONDS, since=mark)
            neighbour.answers()
            assert client.process.poll() is None
            fault.saw = "nothing, until his own TCP gives up; the gateway: CLIENT_GONE"


def test_a_link_that_comes_back_finds_the_session_as_it_was(start_gateway: StartGateway, mode: str) -> None:
    gateway = start_gateway(mode, listen="0.0.0.0:0")
    with Link() as link, at_the_far_end(link, gateway, "exec cat") as client:
        link.pull_out()
        client.type("typed while the link was down")
        # The kernel asks the client, rarely, as it does for sshd.
        assert "timer:(keepalive" in sockets_of(gateway) or "timer:(on" in sockets_of(gateway)
        link.plug_in()
        client.expect("typed while the link was down")


def test_without_keepalives_the_kernel_ends_a_connection_whose_link_is_down(
    start_gateway: StartGateway, mode: str
) -> None:
    with Link(apart=True) as link:
        hurry = "cd /proc/sys/net/ipv4; echo 1 >tcp_keepalive_time; echo 1 >tcp_keepalive_intvl"
        subprocess.run([*link.near, "sh", "-c", f"{hurry}; echo 2 >tcp_keepalive_probes"], check=True)
        subprocess.run([*link.near, "ip", "link", "set", "lo", "up"], check=True)
        gateway = start_gateway(mode, listen="0.0.0.0:0", wrapper=link.near)
        with at_the_far_end(link, gateway, "exec sleep 1000"):
            mark = gateway.log_mark()
            link.pull_out()
            gateway.wait_for_log("event=disconnected .*timed out", SECONDS, since=mark)
            gateway.await_no_container(SECONDS)


def sockets_of(gateway: Gateway) -> str:
    """The timers of its clients' sockets (ss(8), -o)."""
    found = f"( sport = :{gateway.port} )"
    return subprocess.run(["ss", "-Htno", found], capture_output=True, text=True, check=True).stdout
