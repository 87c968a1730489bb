"""The pool of clients, against real engines."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
from docker import APIClient
from sshore.engine.address import EngineAddress
from sshore.engine.clients import ClientPool
from sshore.engine.errors import NotFound, TimedOut, Unavailable
from support.own_engine import OwnEngine

pytestmark = pytest.mark.engine


@pytest.fixture
def pool(address: EngineAddress) -> Iterator[ClientPool]:
    pool = ClientPool(address, size=3)
    yield pool
    pool.close()


@pytest.fixture
def own_pool(own_engine: OwnEngine) -> Iterator[ClientPool]:
    pool = ClientPool(EngineAddress.parse(own_engine.host))
    yield pool
    pool.close()


def test_calls_that_follow_one_another_share_a_client(pool: ClientPool) -> None:
    clients = {pool.run("ping", 5, _ping_and_tell) for _ in range(5)}
    assert len(clients) == 1


def test_calls_at_the_same_time_have_a_client_each(pool: ClientPool) -> None:
    together = Barrier(8, timeout=10)

    def call(client: APIClient) -> int:
        together.wait()
        return _ping_and_tell(client)

    with ThreadPoolExecutor(8) as threads:
        calls = [threads.submit(pool.run, "ping", 10, call) for _ in range(8)]
        assert len({call.result() for call in calls}) == 8


def test_only_so_many_connections_are_kept_and_none_after_close(pool: ClientPool) -> None:
    before = _open_files()
    together = Barrier(8, timeout=10)

    def call(client: APIClient) -> None:
        client.ping()
        together.wait()

    with ThreadPoolExecutor(8) as threads:
        for running in [threads.submit(pool.run, "ping", 10, call) for _ in range(8)]:
            running.result()
    assert _open_files() - before == pool.kept == 3
    pool.close()
    assert _open_files() == before
    assert pool.kept == 0


def test_a_client_keeps_one_connection_however_many_containers_it_asks_about(pool: ClientPool) -> None:
    pool.run("ping", 5, _ping_and_tell)
    before = _open_files()
    for number in range(10):
        with pytest.raises(NotFound):
            pool.run("container_inspect", 5, lambda client, number=number: client.inspect_container(f"none-{number}"))
    assert _open_files() == before


def test_failed_calls_leave_no_connection_behind(pool: ClientPool) -> None:
    for _ in range(3):
        with pytest.raises(NotFound):
            pool.run("container_inspect", 5, lambda client: client.inspect_container("no-such-container"))
    pool.run("ping", 5, _ping_and_tell)
    pool.close()
    before = _open_files()
    for _ in range(10):
        with pytest.raises(NotFound):
            pool.run("container_inspect", 5, lambda client: client.inspect_container("no-such-container"))
    assert _open_files() == before


def test_the_version_is_the_engines_own(pool: ClientPool, docker_client: object) -> None:
    version = pool.api_version(5)
    assert version == pool.run("ping", 5, lambda client: client.version()["ApiVersion"])


def test_the_environment_does_not_reach_the_connection(pool: ClientPool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    assert pool.run("ping", 5, lambda client: client.trust_env) is False


def test_the_first_call_after_a_restart_of_the_engine_succeeds(own_engine: OwnEngine, own_pool: ClientPool) -> None:
    own_pool.run("ping", 5, _ping_and_tell)
    own_engine.stop()
    with pytest.raises(Unavailable):
        own_pool.run("ping", 5, _ping_and_tell)
    own_engine.start()
    own_pool.run("ping", 5, _ping_and_tell)
    own_engine.stop()
    own_engine.start()
    own_pool.run("container_list", 5, lambda client: client.containers())


def test_a_connection_that_died_in_use_is_replaced_unless_the_call_forbids_it(pool: ClientPool) -> None:
    tries: list[int] = []

    def breaks_once(client: APIClient) -> None:
        tries.append(id(client))
        if len(tries) == 1:
            raise ConnectionResetError

    pool.run("ping", 5, _ping_and_tell)
    pool.run("ping", 5, breaks_once)
    assert len(tries) == 2
    tries.clear()
    with pytest.raises(Unavailable):
        pool.run("container_create", 5, breaks_once, resend=False)


def test_a_frozen_engine_times_out_in_time_and_is_usable_when_it_thaws(
    own_engine: OwnEngine, own_pool: ClientPool
) -> None:
    own_pool.run("ping", 5, _ping_and_tell)
    os.kill(own_engine.pid, signal.SIGSTOP)
    try:
        with pytest.raises(TimedOut):
            own_pool.run("ping", 0.3, _ping_and_tell)
    finally:
        os.kill(own_engine.pid, signal.SIGCONT)
    own_pool.run("ping", 5, _ping_and_tell)


def _ping_and_tell(client: APIClient) -> int:
    client.ping()
    return id(client)


def _open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))
