"""The calls that docs/security.md lists are all that sshore asks of the engine, and each of them is asked."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from docker import DockerClient
from sshore.engine.address import EngineAddress
from sshore.engine.docker_engine import DockerEngine
from support.allowing_proxy import AllowingProxy, Call, listed_calls
from support.gateway import wait_until
from support.leftovers import sshore_containers
from support.pool_switch import COLD
from support.registry import Registry
from support.server import Server, Serving
from support.terminal import Terminal

pytestmark = [pytest.mark.engine, pytest.mark.timeout(300)]

EVENTS = Call("GET", "/events")
PULL = Call("POST", "/images/create")
WITHDRAWAL = Call("DELETE", "/networks/*")
NETWORKS = {Call("GET", "/networks"), Call("POST", "/networks/create"), WITHDRAWAL}
_PROXY_SECONDS = 20.0


@contextlib.contextmanager
def allowing(host: str, calls: set[Call]) -> Iterator[AllowingProxy]:
    with AllowingProxy(host, calls) as proxy:
        yield proxy


def calls_of(mode: str) -> set[Call]:
    return {call for call, where in listed_calls().items() if where in ("both", mode)}


async def live(server: Server, status: int) -> None:
    """What users do."""
    assert server.ssh(f"echo out; exit {status}").returncode == status
    assert server.ssh("cat", stdin=b"in").stdout == b"in"
    with Terminal(
        server.ssh_argv("trap 'stty size' WINCH; echo ready; while :; do sleep 0.1; done", options=["-tt"])
    ) as t:
        t.expect("ready", 60)
        t.resize(101, 33)
        t.expect("33 101", 60)
    async with server.connect() as connection:
        for wait in ("echo ready", "echo ready; sleep 1.5; echo guarded"):
            process = await connection.create_process(f'trap "exit 7" USR1; {wait}; while :; do sleep 0.1; done')
            assert await process.stdout.readline() == "ready\n"
            if "guarded" in wait:
                await process.stdout.readline()
            process.send_signal("USR1")
            assert (await process.wait()).exit_status == 7


def list_containers(server: Server) -> str:
    config = server.folder / "config.json"
    ps = [sys.executable, "-m", "sshore", "ps", "--config", str(config)]
    return subprocess.run(ps, check=True, capture_output=True, text=True, timeout=30).stdout


def kill_with_a_guest(server: Server, client: DockerClient) -> None:
    """The janitor has to reach the engine too: with the gateway stopped, the program does not end by its stdin."""
    guest = subprocess.Popen(server.ssh_argv("echo on; sleep 60"), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    assert guest.stdout is not None
    assert guest.stdout.readline() == b"on\n"
    ours = {"sshore.gateway": server.gateway}
    assert len(sshore_containers(client, ours)) == 1
    assert "sshore-demo-" in list_containers(server)
    os.kill(server.pid, signal.SIGKILL)
    guest.communicate(timeout=30)
    wait_until(lambda: not sshore_containers(client, ours), _PROXY_SECONDS)


@pytest.mark.parametrize("mode", ["connection", "session"])
async def test_nothing_else_is_needed_and_nothing_less(
    mode: str, serving: Serving, engine_host: str, guest_image: str, docker_client: DockerClient, tmp_path: Any
) -> None:
    execution = {"mode": mode, "container": {"Image": guest_image}, **COLD}
    calls = calls_of(mode)
    with allowing(engine_host, calls) as proxy, serving(execution, host=proxy.host) as server:
        await live(server, 3)
    with allowing(engine_host, calls) as killed:
        server = Server(tmp_path, docker_client, killed.host, execution)
        server.start()
        kill_with_a_guest(server, docker_client)
    with allowing(engine_host, calls) as deaf:
        deaf.denied = {EVENTS}
        with serving(execution, host=deaf.host) as server:
            assert server.ssh("sleep 0.5; exit 4").returncode in (4, 255)
            hear_again(server, deaf)
    assert proxy.refused == killed.refused == []
    assert {line.partition("?")[0] for line in deaf.refused} == {"GET /events"}
    made = proxy.made | killed.made | deaf.made
    assert calls - made - NETWORKS == {PULL}


def hear_again(server: Server, deaf: AllowingProxy) -> None:
    """Whatever runs when events come again is asked for: its end may have been among the lost ones."""
    guest = subprocess.Popen(server.ssh_argv("echo on; read x"), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert guest.stdout is not None
    assert guest.stdout.readline() == b"on\n"
    deaf.denied = set()
    server.wait_for_log("engine_events_watched", 40)
    wait_until(lambda: Call("GET", "/containers/*/json") in deaf.made)
    guest.communicate(b"\n", timeout=30)


def test_a_pull_needs_one_more(serving: Serving, engine_host: str, registry: Registry, mini_image: str) -> None:
    with registry.pushed(mini_image, 1000) as pushed, allowing(engine_host, calls_of("connection")) as proxy:
        execution = {"container": {"Image": pushed.name}, "auth": registry.auth}
        with serving(execution, host=proxy.host) as server:
            assert server.ssh("echo pulled").stdout == b"pulled\n"
    assert PULL in proxy.made
    assert proxy.refused == []


def test_two_servers_that_make_the_network_at_once_need_the_removal_of_one(engine_host: str) -> None:
    name = f"sshore-tests-{time.monotonic_ns()}"
    with allowing(engine_host, set(listed_calls())) as proxy:
        seen = proxy.hold_answer("GET", "/networks.*", most=2)
        engine = DockerEngine(EngineAddress.parse(proxy.host))
        try:
            with ThreadPoolExecutor(2) as threads:
                asked = [threads.submit(engine.ensure_network, name, {}, {}, timeout=30) for _ in range(2)]
                seen.wait_for(2)
                seen.release()
                assert [one.result() for one in asked] == [None, None]
            # Docker 29 makes one network of a name by itself.
            assert proxy.made >= NETWORKS - {WITHDRAWAL}
            assert proxy.refused == []
            assert networks(engine_host, name) == 1
        finally:
            engine.close()
            remove_networks(engine_host, name)


def networks(host: str, name: str) -> int:
    client = DockerClient(base_url=host, version="auto")
    try:
        return len(client.networks.list(names=[name]))
    finally:
        client.close()


def remove_networks(host: str, name: str) -> None:
    client = DockerClient(base_url=host, version="auto")
    for network in client.networks.list(names=[name]):
        network.remove()
    client.close()
