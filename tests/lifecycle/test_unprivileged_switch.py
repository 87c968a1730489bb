"""The switch of a user who is not root: his guard has to be able to end him, without any new privileges."""

from __future__ import annotations

import pytest
from docker import DockerClient
from support.clients import clients
from support.gateway import StartGateway, wait_until
from support.images import built_image

pytestmark = pytest.mark.engine

SECONDS = 10.0
"""More than a quiet engine takes: this is about whether, not when."""


def test_the_switch_alone_ends_the_container_of_an_unprivileged_user(
    start_gateway: StartGateway, mode: str, docker_client: DockerClient, mini_image: str
) -> None:
    with built_image(docker_client, mini_image, "USER 1000:1000") as image:
        gateway = start_gateway(mode, image=image)
        with clients(gateway, 1, "id -u; echo ready; exec sleep 1000") as (session,):
            session.expect("ready")
            wait_until(gateway.guarded)
            gateway.kill_janitor_first()
            gateway.await_no_container(SECONDS)
