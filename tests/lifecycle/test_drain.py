"""A server that was told to stop waits for those who are there, and resets nobody who has just come."""

from __future__ import annotations

import asyncio
import signal
import socket
import time

import pytest
from support.clients import clients
from support.engine_proxy import EngineProxy
from support.gateway import GONE_SECONDS, Gateway, StartGateway
from support.pool_switch import COLD
from support.server import EVENT_SECONDS

pytestmark = pytest.mark.engine

LONG = "5m"
PATIENCE = 20.0


def draining(gateway: Gateway) -> None:
    """Tell it to stop, and wait until it lets nobody in any more."""
    gateway.signal(signal.SIGTERM)
    gateway.wait_for_log("event=draining")


def has_banner(sock: socket.socket) -> bool:
    """Whether the server has said its version, which stays to be read."""
    sock.settimeout(EVENT_SECONDS)
    return sock.recv(8, socket.MSG_PEEK) == b"SSH-2.0-"


def test_a_server_stops_when_its_last_session_has_ended_by_itself(start_gateway: StartGateway, mode: str) -> None:
    gateway = start_gateway(mode, sections={"ssh": {"drainTime": LONG}})
    command = "echo ready; read -r line; echo got $line; exit 3"
    with clients(gateway, 2, command, options=["-tt"]) as terminals:
        for terminal in terminals:
            terminal.expect("ready")
        draining(gateway)
        for terminal in terminals:
            terminal.expect("sshore: The server is shutting down in 300 s.")
            terminal.type("on")
            terminal.expect("got on")
            assert terminal.wait() == 3
        assert gateway.wait(PATIENCE) == 0
        assert gateway.containers() == []


def test_what_is_left_behind_the_drain_is_ended_and_told(start_gateway: StartGateway) -> None:
    gateway = start_gateway("connection", sections={"ssh": {"drainTime": "1s"}})
    with clients(gateway, 2, "echo ready; exec sleep 1000", options=["-tt"]) as terminals:
        for terminal in terminals:
            terminal.expect("ready")
        began = time.monotonic()
        gateway.signal(signal.SIGTERM)
        assert gateway.wait(PATIENCE) == 0
        assert time.monotonic() - began > 1.0
        assert gateway.containers() == []
        for terminal in terminals:
            terminal.wait()
            assert b"The server is shutting down in 1 s." in terminal.output
            assert b"The server is shutting down." in terminal.output


def test_nobody_new_is_let_in_but_a_connection_may_open_another_session(start_gateway: StartGateway) -> None:
    gateway = start_gateway("connection", sections={"ssh": {"drainTime": LONG}})
    with gateway.master() as shared, clients(gateway, 1, "echo ready; read -r line", options=shared) as sessions:
        sessions[0].expect("ready")
        draining(gateway)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", gateway.port))
        assert gateway.ssh("echo new", options=shared).stdout == b"new\n"
        sessions[0].type("on")
        assert sessions[0].wait() == 0
        assert gateway.wait(PATIENCE) == 0


def test_a_shared_connection_without_a_session_does_not_hold_the_server_up(start_gateway: StartGateway) -> None:
    gateway = start_gateway("connection", sections={"ssh": {"drainTime": LONG}})
    with gateway.master() as shared:
        assert gateway.ssh("echo once", options=shared).stdout == b"once\n"
        draining(gateway)
        assert gateway.wait(PATIENCE) == 0


async def test_a_client_that_has_not_exchanged_keys_yet_is_served(start_gateway: StartGateway) -> None:
    gateway = start_gateway("connection", sections={"ssh": {"drainTime": LONG}})
    sock = socket.create_connection(("127.0.0.1", gateway.port))
    assert has_banner(sock)
    draining(gateway)
    async with gateway.connect(sock=sock) as connection:
        assert (await connection.run("echo served")).stdout == "served\n"
    assert await asyncio.to_thread(gateway.wait, PATIENCE) == 0


def test_clients_in_the_kernels_queue_are_served_before_the_listener_closes(start_gateway: StartGateway) -> None:
    sections = {"ssh": {"drainTime": LONG}, "limits": {"maxStartups": 0, "maxConnections": 0}}
    gateway = start_gateway("connection", sections=sections)
    gateway.signal(signal.SIGSTOP)
    # More than the loop accepts before it comes to the signal.
    waiting = [socket.create_connection(("127.0.0.1", gateway.port)) for _ in range(900)]
    gateway.signal(signal.SIGTERM)
    gateway.signal(signal.SIGCONT)
    assert all(has_banner(sock) for sock in waiting)
    assert gateway.alive
    for sock in waiting:
        sock.close()
    assert gateway.wait(PATIENCE) == 0


def test_a_session_that_waits_for_its_container_gets_it(start_gateway: StartGateway, proxy: EngineProxy) -> None:
    creates = proxy.hold_request("POST", "/containers/create.*")
    # He waits for one that is made for him.
    gateway = start_gateway("connection", host=proxy.host, sections={"ssh": {"drainTime": LONG}}, execution=COLD)
    with clients(gateway, 1, "echo late", stdin=False) as sessions:
        creates.wait_for(1)
        draining(gateway)
        creates.release()
        assert sessions[0].wait() == 0
        assert sessions[0].output == b"late\n"
    assert gateway.wait(PATIENCE) == 0


def test_a_second_signal_ends_the_drain_at_once(start_gateway: StartGateway) -> None:
    gateway = start_gateway("connection", sections={"ssh": {"drainTime": LONG}})
    with clients(gateway, 1, "echo ready; exec sleep 1000") as sessions:
        sessions[0].expect("ready")
        draining(gateway)
        gateway.signal(signal.SIGTERM)
        assert gateway.wait(GONE_SECONDS) == 128 + signal.SIGTERM
        gateway.await_no_container()
