"""A pull that never ends: whoever leaves is not held up, whoever waits is told in the end, and nothing is left."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from support.census import Census, LeavesNothing, warm_up
from support.clients import clients
from support.gateway import Gateway, StartGateway
from support.pool_switch import COLD
from support.registry import Pushed, Registry

pytestmark = [pytest.mark.engine, pytest.mark.timeout(120)]

FIVE = 5
STALL = "4s"
FAILED = "sshore: The image for this session could not be fetched, please try again later. (IMAGE_PULL_FAILED)"


@dataclass(frozen=True)
class Waiting:
    """A warm gateway whose image the engine has forgotten, and the registry does not give away."""

    gateway: Gateway
    before: Census
    registry: Registry
    pushed: Pushed


@pytest.fixture
def waiting(start_gateway: StartGateway, mode: str, registry: Registry, mini_image: str) -> Iterator[Waiting]:
    with registry.pushed(mini_image) as pushed:
        # No container that waits may hold the image when it is to go.
        execution = {"auth": registry.auth, "imagePullPolicy": "IfNotPresent", **COLD}
        gateway = start_gateway(
            mode, image=pushed.name, execution=execution, timeouts={"imagePullStall": STALL, "imagePull": "60s"}
        )
        before = warm_up(gateway, FIVE)
        registry.forget(pushed.repository)
        registry.tap.hold()
        try:
            yield Waiting(gateway, before, registry, pushed)
        finally:
            registry.tap.release()


def test_its_users_leave(waiting: Waiting, leaving_nothing: LeavesNothing) -> None:
    gateway = waiting.gateway
    with (
        leaving_nothing("a pull that never ends, its users leave", gateway, waiting.before) as fault,
        clients(gateway, FIVE, options=["-tt"]) as users,
    ):
        for user in users:
            user.expect("sshore: Fetching the image")
        fault.begins()
        for user in users:
            user.kill()
        fault.saw = "sshore: Fetching the image"


def test_its_users_wait(waiting: Waiting, leaving_nothing: LeavesNothing) -> None:
    gateway = waiting.gateway
    with (
        leaving_nothing("a pull that never ends, its users wait", gateway, waiting.before) as fault,
        clients(gateway, FIVE, "true", stdin=False) as users,
    ):
        fault.begins()
        for user in users:
            assert user.wait() == 255
            assert user.output.decode() == f"{FAILED}\n"
        fault.saw = FAILED.removeprefix("sshore: ")
        waiting.registry.tap.release()
        assert gateway.ssh("echo fetched").stdout == b"fetched\n"
