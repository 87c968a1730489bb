"""A backend from its start to its shutdown, and what a connection may bring of its own."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import signal
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, Counter
from sshore.actors.gateway import Gateway
from sshore.actors.messages import RunExec
from sshore.actors.refusals import Refused
from sshore.backend.backend import Backend
from sshore.config.models import ConnectionConfig
from sshore.engine.errors import Unavailable
from sshore.engine.fake.engine import FAKE_IMAGE, FakeEngine
from sshore.engine.types import ContainerSpec
from support.client import Client, End, eventually
from support.gatehouse import ADDRESS, Gatehouse, docker_config
from support.logbook import Logbook

both_modes = pytest.mark.parametrize("house", ["connection", "session"], indirect=True)


class Tally:
    """A counter of an embedding program's own."""

    def __init__(self) -> None:
        self.value = 0

    def inc(self) -> None:
        self.value += 1


# Start and shutdown.


async def test_it_is_an_async_context_manager(state_dir: Path) -> None:
    engine = FakeEngine()
    async with Backend(docker_config(), state_dir, log=Logbook().log, engine=engine) as backend:
        handler = backend.connection(ADDRESS)
        handler.handshake_success("alice")
        session, client = handler.program_session(1), Client()
        session.start(RunExec("exit 3"), client)
        assert await client.until_end() == End(3)
    assert engine.containers == []
    assert os.listdir(state_dir / "gateways") == []


async def test_a_connection_before_the_start_or_behind_the_shutdown_is_a_mistake(state_dir: Path) -> None:
    backend = Backend(docker_config(), state_dir, log=Logbook().log, engine=FakeEngine())
    with pytest.raises(RuntimeError):
        backend.connection(ADDRESS)
    await backend.start()
    backend.connection(ADDRESS).disconnect()
    await backend.shutdown(10)
    with pytest.raises(RuntimeError):
        backend.connection(ADDRESS)


async def test_shutting_down_twice_or_without_a_start_does_no_harm(state_dir: Path) -> None:
    backend = Backend(docker_config(), state_dir, log=Logbook().log, engine=FakeEngine())
    await backend.shutdown(10)
    await backend.start()
    await backend.shutdown(10)
    await backend.shutdown(10)


async def test_a_state_folder_that_cannot_be_used_is_an_error(state_dir: Path) -> None:
    (state_dir / "gateways").write_text("in the way")
    backend = Backend(docker_config(), state_dir, log=Logbook().log, engine=FakeEngine())
    with pytest.raises(OSError, match="gateways"):
        await backend.start()


async def test_it_starts_without_an_engine_and_says_when_that_answers(house: Gatehouse) -> None:
    assert await house.backend.is_ready() is None
    house.engine.go_away()
    assert "nobody listens" in str(await house.backend.is_ready())
    house.engine.come_back()
    assert await house.backend.is_ready() is None


async def test_it_makes_the_containers_network_at_its_start(house: Gatehouse) -> None:
    assert house.engine.networks == {"sshore": {"com.docker.network.bridge.enable_icc": "false"}}


@both_modes
async def test_a_shutdown_ends_every_connection_and_every_program(house: Gatehouse) -> None:
    handlers = [house.login(f"user{number}") for number in range(5)]
    pairs = [house.run(handler, "cat", channel) for handler in handlers for channel in (1, 2)]
    await house.until_programs_run(len(pairs))
    await house.backend.shutdown(10)
    assert house.engine.containers == []
    assert house.count("sshore_containers_current") == 0
    for handler in handlers:
        await asyncio.wait_for(handler.wait_ended(), 10)
    ends = [await client.until_end() for _, client in pairs]
    assert {end.status for end in ends} <= {0, 137, 255}


@both_modes
async def test_a_shutdown_right_behind_a_login_overlooks_nobody(state_dir: Path, house: Gatehouse) -> None:
    for number in range(20):
        backend = Backend(docker_config(), state_dir, log=house.book.log, engine=house.engine)
        await backend.start()
        backend.connection(ADDRESS, f"c{number}").handshake_success("alice")
        await backend.shutdown(10)
        assert house.engine.containers == []
    assert house.book.of("containers_left_to_the_janitor") == []


async def test_logins_while_the_shutdown_is_under_way_make_no_containers(house: Gatehouse) -> None:
    handlers, root = [house.connect() for _ in range(20)], house.root
    shutdown = asyncio.ensure_future(house.backend.shutdown(10))
    await asyncio.sleep(0)
    # It has been told to drain, and has said that nobody is left.
    assert root.proxy().children.get(timeout=10) == frozenset()
    for handler in handlers:
        handler.handshake_success("alice")
    for handler in handlers:
        session, client = house.run(handler, "true")
        assert isinstance(end := await client.until_end(), Refused)
        assert end.code == "CONNECTION_ENDING"
        session.close()
        await asyncio.wait_for(handler.wait_ended(), 10)
    await shutdown
    assert house.engine.faults.calls("container_create") == 0


async def test_a_login_behind_the_shutdown_makes_no_container(house: Gatehouse) -> None:
    handler = house.connect()
    await house.backend.shutdown(10)
    handler.handshake_success("alice")
    session, client = house.run(handler, "true")
    end = await client.until_end()
    assert isinstance(end, Refused)
    assert end.code == "CONNECTION_ENDING"
    await asyncio.wait_for(handler.wait_ended(), 10)
    assert house.engine.faults.calls("container_create") == 0
    session.close()


async def test_a_shutdown_waits_for_removals_that_have_to_be_tried_again(house: Gatehouse) -> None:
    assert (await house.finish(house.login(), "exit 1"))[1] == End(1)
    house.engine.faults.fail("container_remove", Unavailable, times=8)
    await house.backend.shutdown(20)
    assert house.engine.containers == []
    assert house.book.of("containers_left_to_the_janitor") == []


async def test_a_shutdown_that_meets_its_deadline_names_what_it_leaves_to_the_janitor(state_dir: Path) -> None:
    house = Gatehouse(state_dir)
    await house.backend.start()
    janitor = house.backend._janitor.pid
    assert (await house.finish(house.login(), "exit 1"))[1] == End(1)
    [container] = house.engine.containers
    house.engine.go_away()
    async with asyncio.timeout(20):
        await house.backend.shutdown(0.1)
    assert house.book.wait_for("containers_left_to_the_janitor")["containers"] == [container.name]
    # It would look for the engine, which is nowhere, for two minutes.
    os.kill(janitor, signal.SIGKILL)
    await house.threads_are_gone()


async def test_what_a_killed_gateway_left_is_swept_at_the_next_start(state_dir: Path, house: Gatehouse) -> None:
    dead = Gateway(state_dir)
    spec = ContainerSpec("left-over", {"Image": FAKE_IMAGE, "Labels": dead.labels})
    house.engine.create_container(spec, timeout=5)
    dead.close()
    async with Backend(docker_config(), state_dir, log=house.book.log, engine=house.engine):
        await eventually(lambda: house.engine.containers == [], "the sweep")
    assert house.book.wait_for("container_swept")["container"] == "left-over"


# A connection's own.


@both_modes
async def test_a_connections_own_counters_count_its_requests_and_failures(house: Gatehouse) -> None:
    requests, failures = Tally(), Tally()
    handler = house.login(requests=requests, failures=failures)
    assert (await house.finish(handler, "exit 1"))[1] == End(1)
    assert requests.value >= 4
    assert failures.value == 0
    counted = house.count("sshore_backend_requests_total", operation="container_create")
    assert counted == 0
    handler.disconnect()
    await handler.wait_ended()
    before = requests.value

    other = house.login("bob")
    assert (await house.finish(other, "exit 1"))[1] == End(1)
    assert requests.value == before
    assert house.count("sshore_backend_requests_total", operation="container_create") == 1


@both_modes
async def test_a_failure_is_counted_where_it_belongs(house: Gatehouse) -> None:
    requests, failures = Tally(), Tally()
    house.engine.faults.fail("container_create", Unavailable)
    handler = house.login(requests=requests, failures=failures)
    assert (await house.finish(handler, "exit 1"))[1] == End(1)
    assert failures.value == 1


async def test_prometheus_counters_will_do(house: Gatehouse) -> None:
    registry = CollectorRegistry()
    requests = Counter("my_requests", "Mine.", registry=registry)
    failures = Counter("my_failures", "Mine.", registry=registry)
    handler = house.login(requests=requests, failures=failures)
    assert (await house.finish(handler, "exit 1"))[1] == End(1)
    assert (registry.get_sample_value("my_requests_total") or 0) >= 4
    assert registry.get_sample_value("my_failures_total") == 0


@pytest.mark.parametrize("given", ["requests", "failures"])
async def test_one_counter_without_the_other_is_a_mistake(house: Gatehouse, given: str) -> None:
    with pytest.raises(ValueError, match="requests and failures"):
        house.connect(**{given: Tally()})


async def test_a_connection_may_have_a_configuration_of_its_own(house: Gatehouse) -> None:
    handler = house.login(docker=docker_config(mode="session", containername="workshop"))
    session, _ = house.run(handler, "cat")
    await house.until_programs_run(1)
    assert house.container().name.startswith("workshop-alice-")
    session.close()


async def test_a_connection_cannot_have_an_engine_of_its_own(house: Gatehouse) -> None:
    elsewhere = docker_config().model_copy(update={"connection": ConnectionConfig(host="tcp://127.0.0.1:1")})
    with pytest.raises(ValueError, match=r"docker\.connection"):
        house.connect(docker=elsewhere)


@both_modes
async def test_every_line_of_a_session_tells_whose_it_is(house: Gatehouse) -> None:
    handler = house.login(connection_id="c0ffee")
    assert (await house.finish(handler, "exit 1", channel=5))[1] == End(1)
    ended = house.book.wait_for("program_ended")
    assert (ended["connection"], ended["user"], ended["channel"]) == ("c0ffee", "alice", 5)
    assert ended["client"] == "192.0.2.1:2222"
    assert ended["container"].startswith("sshore-alice-")
    assert re.fullmatch("[0-9a-f]{16}", ended["gateway"])


async def test_a_connection_without_an_id_gets_one(house: Gatehouse) -> None:
    first, second = house.connect(), house.connect()
    assert first.id != second.id
    assert len(first.id) == 32
    first.disconnect()
    second.disconnect()


async def test_a_plain_logger_of_an_embedding_program_gets_readable_lines(
    house: Gatehouse, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "embedder")
    handler = house.login(log=logging.getLogger("embedder"), connection_id="c0ffee")
    assert (await house.finish(handler, "exit 4"))[1] == End(4)
    lines = [record.getMessage() for record in caplog.records if record.name == "embedder"]
    assert any(re.search(r"event=program_ended .*connection=c0ffee .*status=4", line) for line in lines), lines
