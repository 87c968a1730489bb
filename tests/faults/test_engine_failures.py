"""What users, operators and monitoring are told when the engine cannot do what is asked, and that it all comes back."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest
from docker import DockerClient
from support.clients import clients
from support.engine_proxy import EngineProxy
from support.gateway import Gateway, StartGateway
from support.own_engine import OwnEngine
from support.pool_switch import COLD

pytestmark = pytest.mark.engine

FIVE = 5
LATE_SECONDS = 30.0
"""Removals that wait for the engine's return ask for it in growing pauses."""


@pytest.fixture
def own_client(own_engine: OwnEngine) -> Iterator[DockerClient]:
    own_engine.start()
    client = DockerClient(base_url=own_engine.host)
    yield client
    client.close()


def expect_refusals(gateway: Gateway, sentence: str, code: str, engine_code: str) -> None:
    """Five users are told the sentence, the operator the code, and what failed at the engine is counted."""
    mark = gateway.log_mark()
    failures, refusals = failures_of(gateway, engine_code), gateway.metric("sshore_refusals_total", code=code)
    with clients(gateway, FIVE, "true", stdin=False) as refused:
        for client in refused:
            assert client.wait() == 255
            assert client.output.decode() == f"sshore: {sentence} ({code})\n"
    assert f" code={code} " in gateway.log[mark:]
    assert gateway.metric("sshore_refusals_total", code=code) >= refusals + FIVE
    assert failures_of(gateway, engine_code) >= failures + FIVE


def failures_of(gateway: Gateway, engine_code: str) -> float:
    return gateway.metric("sshore_backend_failures_total", operation="image_inspect", code=engine_code)


def test_a_missing_image_that_is_never_pulled(start_gateway: StartGateway, mode: str) -> None:
    gateway = start_gateway(mode, image="sshore/no-such-image")
    sentence = "The image for this session does not exist."
    expect_refusals(gateway, sentence, "IMAGE_NOT_FOUND", "ENGINE_NOT_FOUND")
    assert gateway.containers() == []


@pytest.mark.parametrize(
    ("mode", "end", "statuses"),
    [
        ("connection", signal.SIGKILL, {255}),
        ("session", signal.SIGKILL, {255}),
        # An engine that ends in good order ends the programs first, and tells.
        ("session", signal.SIGTERM, {255, 128 + signal.SIGTERM, 128 + signal.SIGKILL}),
    ],
)
def test_an_engine_that_ends_and_comes_back(
    own_engine: OwnEngine,
    own_client: DockerClient,
    start_gateway: StartGateway,
    mode: str,
    end: signal.Signals,
    statuses: set[int],
) -> None:
    gateway = start_gateway(mode, client=own_client, host=own_engine.host)
    with clients(gateway, FIVE, "echo ready; exec sleep 1000") as sessions:
        for session in sessions:
            session.expect("ready")
        os.kill(own_engine.pid, end)
        own_engine.stop()
        for session in sessions:
            assert session.wait() in statuses
    sentence = "Containers are not available at the moment, please try again later."
    expect_refusals(gateway, sentence, "ENGINE_UNAVAILABLE", "ENGINE_UNAVAILABLE")

    own_engine.start()
    assert gateway.ssh("echo back").stdout == b"back\n"
    gateway.await_no_container(LATE_SECONDS)


def test_an_engine_that_hangs_and_goes_on(
    own_engine: OwnEngine, own_client: DockerClient, start_gateway: StartGateway, mode: str
) -> None:
    # What times out is the look at the image, of each of the five.
    gateway = start_gateway(mode, client=own_client, host=own_engine.host, timeouts={"http": "500ms"}, execution=COLD)
    os.kill(own_engine.pid, signal.SIGSTOP)
    try:
        sentence = "Containers take too long at the moment, please try again later."
        expect_refusals(gateway, sentence, "ENGINE_TIMED_OUT", "ENGINE_TIMED_OUT")
    finally:
        os.kill(own_engine.pid, signal.SIGCONT)
    assert gateway.ssh("echo back").stdout == b"back\n"


def test_an_engine_whose_socket_may_not_be_opened(start_gateway: StartGateway, mode: str, proxy: EngineProxy) -> None:
    proxy.socket.chmod(0)
    # Else root may open it nevertheless.
    restricted = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
    gateway = start_gateway(mode, host=proxy.host, wrapper=restricted)
    sentence = "Containers are not available at the moment, please try again later."
    expect_refusals(gateway, sentence, "ENGINE_ACCESS_DENIED", "ENGINE_ACCESS_DENIED")
    proxy.socket.chmod(0o600)
    assert gateway.ssh("echo back").stdout == b"back\n"
