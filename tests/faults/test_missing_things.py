"""What a gateway made once and relies on, removed while it serves: the next user does not notice."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing

import pytest
from docker import DockerClient
from support.gateway import StartGateway
from support.own_engine import OwnEngine
from support.server import Server

pytestmark = pytest.mark.engine

NETWORK = "sshore"


@pytest.fixture
def own_client(own_engine: OwnEngine) -> Iterator[DockerClient]:
    own_engine.start()
    with closing(DockerClient(base_url=own_engine.host)) as client:
        yield client


def networks(client: DockerClient) -> list[str]:
    return [one.name for one in client.networks.list(names=[NETWORK])]


def test_the_network_of_containers_is_made_again(
    own_client: DockerClient, own_engine: OwnEngine, start_gateway: StartGateway, mode: str
) -> None:
    gateway = start_gateway(
        mode, client=own_client, host=own_engine.host, limits_of_containers={"NetworkMode": NETWORK}
    )
    for _ in range(2):
        assert runs(gateway)
        gateway.await_no_container()
        own_client.networks.get(NETWORK).remove()
        assert networks(own_client) == []
    assert runs(gateway)
    assert networks(own_client) == [NETWORK]


@pytest.mark.parametrize("lost", ["pipes", "gateways"])
def test_folders_of_the_state_are_made_again_or_missed_by_nobody(
    start_gateway: StartGateway, mode: str, lost: str
) -> None:
    gateway = start_gateway(mode)
    assert runs(gateway)
    shutil.rmtree(gateway.state / lost)
    with gateway.master() as open_before:
        assert runs(gateway)
        shutil.rmtree(gateway.state / lost, ignore_errors=True)
        assert runs(gateway, open_before)
    assert "actor_failed" not in gateway.log


def runs(gateway: Server, options: list[str] | None = None) -> bool:
    done = gateway.ssh("echo it runs", options=options or [])
    assert (done.returncode, done.stdout, done.stderr) == (0, b"it runs\n", b""), gateway.log[-3000:]
    return True
