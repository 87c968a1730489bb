"""The gateway in a container of its own, as deploy/compose.yaml has it."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest
from docker import DockerClient
from docker.errors import ImageNotFound
from support.clients import Client
from support.gateway import wait_until
from support.gateway_container import IMAGE, GatewayContainer
from support.server import EVENT_SECONDS

# Each brings a container up, some of them twice.
pytestmark = [pytest.mark.engine, pytest.mark.timeout(180)]

PYTHON = "/opt/sshore/bin/python"
INIT = [PYTHON, "-I", "-S", "/usr/local/lib/sshore/init.py"]
HEALTHY_SECONDS = 20.0
STOP_EVERYTHING_ELSE = "echo ready; read line; kill -STOP -1; echo stopped; exec sleep 1000"
"""For a user who is root in his container: no switch of his container can act any more."""

Containing = Callable[..., AbstractContextManager[GatewayContainer]]


@pytest.fixture(scope="module", autouse=True)
def gateway_image(docker_client: DockerClient) -> None:
    """The gateway's image; fails when it was not built."""
    try:
        docker_client.images.get(IMAGE)
    except ImageNotFound:
        pytest.fail(f"the image {IMAGE} is missing, run 'make gateway-image'", pytrace=False)


@pytest.fixture(scope="module")
def containing(
    docker_client: DockerClient, engine_host: str, mini_image: str, tmp_path_factory: pytest.TempPathFactory
) -> Containing:
    """Brings a gateway's container up; its users are root in theirs, which have no network."""

    @contextmanager
    def contain(mode: str, **more: str) -> Iterator[GatewayContainer]:
        execution = {
            "mode": mode,
            "container": {"Image": mini_image, "User": "0"},
            "host": {"NetworkMode": "none"},
            "imagePullPolicy": "Never",
        }
        folder = tmp_path_factory.mktemp("contained")
        contained = GatewayContainer(folder, docker_client, engine_host, execution, **more)
        try:
            contained.up()
            yield contained
        finally:
            contained.down()

    return contain


@pytest.fixture(scope="module")
def contained(mode: str, containing: Containing) -> Iterator[GatewayContainer]:
    """One in each mode, for tests that leave it alive."""
    with containing(mode) as started:
        yield started


@contextmanager
def client(contained: GatewayContainer, command: str) -> Iterator[Client]:
    """An OpenSSH client whose program has said that it is ready, in a container whose switch is set."""
    started = Client(contained.ssh_argv(command))
    try:
        started.expect("ready")
        wait_until(contained.are_guarded)
        yield started
    finally:
        started.close()


@contextmanager
def defeated(contained: GatewayContainer) -> Iterator[None]:
    """A session of somebody who has stopped whatever would end his container."""
    with client(contained, STOP_EVERYTHING_ELSE) as session:
        session.type("go")
        session.expect("stopped")
        yield


def test_a_login_through_the_published_port_leads_into_a_container(contained: GatewayContainer) -> None:
    said = contained.ssh("echo out; echo err >&2; cat /proc/1/comm; exit 7")
    assert (said.returncode, said.stdout, said.stderr.splitlines()[-1]) == (7, b"out\ndocker-init\n", b"err")
    contained.await_no_container()


def test_the_engine_finds_it_healthy(contained: GatewayContainer) -> None:
    wait_until(lambda: contained.state["Health"]["Status"] == "healthy", HEALTHY_SECONDS)
    assert contained.state["Health"]["Log"][-1]["Output"] == "ready\n"


def test_its_container_has_no_label_that_a_sweep_goes_by(contained: GatewayContainer) -> None:
    assert not {"sshore", "sshore.gateway", "sshore.machine"} & contained.container.labels.keys()


def test_it_is_nobody_and_may_write_to_its_state_only(contained: GatewayContainer) -> None:
    assert contained.run("id", "-u") == "2222\n"
    assert set(contained.run("sh", "-c", "grep ^Cap /proc/*/status | cut -f2 | sort -u").split()) == {"0" * 16}
    assert set(contained.run("sh", "-c", "grep -h ^NoNewPrivs /proc/*/status | cut -f2 | sort -u").split()) == {"1"}
    writable = contained.run(
        "sh", "-c", "for d in / /etc/sshore /opt/sshore /var/lib/sshore; do test -w $d && echo $d; done; :"
    )
    assert writable == "/var/lib/sshore\n"


def test_the_command_line_works_beside_it(contained: GatewayContainer) -> None:
    with client(contained, "echo ready; exec sleep 1000"):
        assert "demo" in contained.run("sshore", "ps")


def test_its_init_hands_signals_on(contained: GatewayContainer) -> None:
    contained.container.kill("SIGUSR1")
    wait_until(lambda: "most recent call first" in contained.log)
    assert contained.state["Running"]


def test_docker_stop_ends_it_with_0_and_everything_it_made(mode: str, containing: Containing) -> None:
    with containing(mode) as contained, client(contained, "echo ready; exec sleep 1000") as session:
        contained.compose("stop")
        assert contained.state["ExitCode"] == 0
        assert not contained.users_containers()
        assert session.wait() == 255


def test_where_the_gateway_alone_dies_its_janitor_does_its_work(mode: str, containing: Containing) -> None:
    with containing(mode) as contained, defeated(contained):
        assert contained.users_containers()
        contained.kill_gateway()
        assert contained.await_end() == 128 + signal.SIGKILL
        # The init ended behind the janitor.
        assert not contained.users_containers()


def test_a_gateway_that_dies_is_started_again_also_behind_a_signal_through_the_engine(containing: Containing) -> None:
    with containing("connection", restart="always") as contained:
        # With `unless-stopped` the engine would take any signal for a stop.
        contained.container.kill("SIGUSR1")
        wait_until(lambda: "most recent call first" in contained.log)
        contained.kill_gateway()
        contained.await_listening(2)
        assert contained.ssh("true").returncode == 0


def test_what_a_killed_container_leaves_its_switches_end_or_the_next_start(mode: str, containing: Containing) -> None:
    with containing(mode) as contained, defeated(contained):
        held_open = contained.users_containers()
        with client(contained, "echo ready; exec sleep 1000"):
            contained.container.kill()
            assert contained.await_end() == 128 + signal.SIGKILL
            # The kernel ended the janitor with the container: what no switch ends is there until somebody sweeps.
            contained.await_no_container(but=held_open)
            assert contained.users_containers() == held_open
        contained.compose("up", "-d")
        contained.await_no_container()
        contained.await_listening(2)
        # The client would refuse another host key than the first one's.
        assert contained.ssh("true").returncode == 0


@pytest.mark.parametrize(
    ("command", "status"),
    [
        ("exit 0", 0),
        ("exit 7", 7),
        ("kill -9 $$", 128 + signal.SIGKILL),
        ("kill -TERM 1; sleep 1000 & wait", 128 + signal.SIGTERM),
        ("sleep 1000 & exit 7", 7),
    ],
    ids=["success", "failure", "a signal", "a signal to the init", "with an orphan that TERM ends"],
)
def test_the_init_ends_as_its_command_does(docker_client: DockerClient, command: str, status: int) -> None:
    assert ended(docker_client, [*INIT, "sh", "-c", command]) == (status, "")


def test_the_init_waits_for_orphans_that_ignore_term(docker_client: DockerClient) -> None:
    # Ignored before it is an orphan: the init's TERM may come before an orphan's own first step.
    orphan = "trap '' TERM; (sleep 1; echo waited for) & exit 7"
    assert ended(docker_client, [*INIT, "sh", "-c", orphan]) == (7, "waited for\n")


def test_the_health_check_says_what_is_missing(docker_client: DockerClient) -> None:
    status, said = ended(docker_client, [PYTHON, "-I", "-S", "/usr/local/lib/sshore/healthcheck.py"])
    assert status == 1
    assert "is health.enable true?" in said


def ended(client: DockerClient, command: list[str]) -> tuple[int, str]:
    """Run a command in the image to its end; return its status and all it said."""
    container = client.containers.run(IMAGE, command[1:], entrypoint=command[:1], network_mode="none", detach=True)
    try:
        return container.wait(timeout=EVENT_SECONDS * 3)["StatusCode"], container.logs().decode()
    finally:
        container.remove(v=True, force=True)
