"""`kill -9` of the gateway in the middle of more than a program: an exec, a removal, a pull; with guests who resist."""

from __future__ import annotations

import pytest
from docker import DockerClient
from support.census import LeavesNoContainer
from support.clients import clients
from support.engine_proxy import EngineProxy
from support.gateway import Gateway, StartGateway, wait_until
from support.images import BUSYBOX, shell_less_image
from support.pool_switch import COLD
from support.registry import Registry

pytestmark = [pytest.mark.engine, pytest.mark.timeout(120)]

FIVE = 5
TWENTY = 20
SLEEP = "echo ready; exec sleep 1000"

PHASES = {
    "before the exec's create": ("hold_request", "POST", "/containers/[^/]+/exec"),
    "in the exec's create": ("hold_answer", "POST", "/containers/[^/]+/exec"),
    "before the exec's start": ("hold_request", "POST", "/exec/[^/]+/start"),
    "in the exec's start": ("hold_answer", "POST", "/exec/[^/]+/start"),
    "in start": ("hold_answer", "POST", "/containers/[^/]+/start"),
    "before removal": ("hold_request", "DELETE", "/containers/.*"),
    "in removal": ("hold_answer", "DELETE", "/containers/.*"),
}


@pytest.mark.parametrize("phase", PHASES)
def test_in_the_middle_of_a_call_to_the_engine(
    start_gateway: StartGateway, leaving_no_container: LeavesNoContainer, mode: str, proxy: EngineProxy, phase: str
) -> None:
    holding, method, path = PHASES[phase]
    # The janitor's own removals pass.
    held = getattr(proxy, holding)(method, path, most=FIVE)
    # The five starts are users' own.
    execution = COLD if phase == "in start" else {}
    gateway = start_gateway(mode, host=proxy.for_crowd(FIVE), execution=execution)
    with (
        clients(gateway, FIVE, SLEEP) as users,
        leaving_no_container(f"gateway killed {phase}", gateway) as fault,
    ):
        if method == "DELETE":
            for user in users:
                user.expect("ready")
                user.kill()
        held.wait_for(FIVE)
        fault.kill_gateway()


GUESTS = {
    "stopped whatever could be": "kill -STOP -1",
    "held whatever stdin there is": "for f in /proc/[0-9]*/fd/0; do sleep 1000 9>$f & done",
    "read whatever stdin there is": "for f in /proc/[0-9]*/fd/0; do cat $f >/dev/null & done",
}


@pytest.mark.parametrize("guest", GUESTS)
def test_with_a_guest_who_is_root_and_resists(
    start_gateway: StartGateway, leaving_no_container: LeavesNoContainer, mode: str, guest: str
) -> None:
    gateway = start_gateway(mode)
    with (
        clients(gateway, FIVE, f"echo ready; read -r line; {GUESTS[guest]}; echo done; exec sleep 1000") as users,
        leaving_no_container(f"gateway killed, a root user has {guest}", gateway) as fault,
    ):
        for user in users:
            user.expect("ready")
        wait_until(gateway.guarded)
        for user in users:
            user.type("go")
            user.expect("done")
        fault.kill_gateway()


def test_with_an_image_that_has_no_shell(
    start_gateway: StartGateway,
    leaving_no_container: LeavesNoContainer,
    mode: str,
    docker_client: DockerClient,
    mini_image: str,
) -> None:
    sleep = [BUSYBOX, "sleep", "1000"]
    with shell_less_image(docker_client, mini_image) as image:
        its_own = {"idleCommand": sleep} if mode == "connection" else {"container": {"Image": image, "Cmd": sleep}}
        gateway = start_gateway(mode, image=image, execution=its_own)
        # In connection mode no program can be started, but the container is there.
        options = ["-N"] if mode == "connection" else []
        with (
            clients(gateway, FIVE, options=options),
            leaving_no_container("gateway killed, no shell in the image", gateway) as fault,
        ):
            wait_until(lambda: [one.status for one in gateway.containers()] == ["running"] * FIVE, 20)
            fault.kill_gateway()


def test_with_twenty_containers_it_takes_a_second_more_than_the_engine_itself(
    start_gateway: StartGateway, leaving_no_container: LeavesNoContainer, mode: str
) -> None:
    gateway = start_gateway(mode)
    with (
        clients(gateway, TWENTY, SLEEP) as users,
        leaving_no_container(f"gateway killed, {TWENTY} containers", gateway, TWENTY) as fault,
    ):
        for user in users:
            user.expect("ready", 60)
        fault.kill_gateway()


# Pulls that never end.


def test_in_the_middle_of_a_pull(
    start_gateway: StartGateway,
    leaving_no_container: LeavesNoContainer,
    mode: str,
    registry: Registry,
    mini_image: str,
) -> None:
    with registry.pushed(mini_image) as pushed:
        registry.tap.hold()
        try:
            gateway = pulling(start_gateway, mode, registry, pushed.name)
            janitor = gateway.janitor
            with (
                clients(gateway, FIVE, options=["-tt"]) as users,
                leaving_no_container("gateway killed in the middle of a pull", gateway) as fault,
            ):
                for user in users:
                    user.expect("Fetching the image")
                fault.kill_gateway()
            wait_until(lambda: not janitor.is_running())
        finally:
            registry.tap.release()


def test_a_stop_in_the_middle_of_a_pull_waits_for_no_registry(
    start_gateway: StartGateway, mode: str, registry: Registry, mini_image: str
) -> None:
    with registry.pushed(mini_image) as pushed:
        registry.tap.hold()
        try:
            gateway = pulling(start_gateway, mode, registry, pushed.name)
            with clients(gateway, FIVE, options=["-tt"]) as users:
                for user in users:
                    user.expect("Fetching the image")
                gateway.stop()
                assert all(user.wait() == 255 for user in users)
        finally:
            registry.tap.release()


def pulling(start_gateway: StartGateway, mode: str, registry: Registry, image: str, **more: object) -> Gateway:
    execution = {"auth": registry.auth, "imagePullPolicy": "IfNotPresent"}
    return start_gateway(mode, image=image, execution=execution, **more)
