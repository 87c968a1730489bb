"""A server that is started from a file of ContainerSSH's serves what it says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
import yaml
from docker import DockerClient
from docker.errors import ImageNotFound
from sshore.config import ConfigError, load_config
from support.gateway import wait_until
from support.registry import Registry
from support.server import Server

pytestmark = pytest.mark.engine

Serving = Callable[..., AbstractContextManager[Server]]

PUBLISHED = Path(__file__).parents[1] / "config" / "published"
REFUSED = {
    "quick-start.yaml": {"auth.url", "configserver"},
    "logging.yaml": {"auth.url", "configserver"},
    "example-0.5.yaml": {"auth.password", "configserver"},
    "honeypot.yaml": {"auth.url", "configserver", "audit"},
    "dump-0.4.yaml": {"ssh.ciphers", "ssh.macs", "auth.url", "auth.password", "auth.pubkey"},
    "switching.yaml": set[str](),
    "dockerrun-dump.yaml": set[str](),
    "dockerrun-0.3.json": set[str](),
}
"""What keeps each published example from starting: somebody else's logins, recording and restrictions."""

ITS_IMAGES = ("containerssh/containerssh-guest-image", "containerssh/test-guest")
OURS = ("ssh", "auth", "log", "metrics")


@pytest.fixture(scope="module")
def its_images(docker_client: DockerClient, guest_image: str) -> Iterator[None]:
    """Have the guest image by ContainerSSH's names too."""
    made = [name for name in ITS_IMAGES if not _exists(docker_client, name)]
    for name in made:
        docker_client.images.get(guest_image).tag(name)
    yield
    for name in made:
        docker_client.images.remove(name)


def published(name: str) -> dict[str, Any]:
    """Return an example without what it is refused for, and without what the tests' server has of its own."""
    content: dict[str, Any] = yaml.safe_load((PUBLISHED / name).read_text())
    return {key: value for key, value in content.items() if key not in REFUSED[name] and key not in OURS}


@pytest.mark.parametrize("name", REFUSED)
def test_a_published_example_is_refused_for_others_sections_by_name_or_for_nothing(name: str) -> None:
    assert set(REFUSED) == {file.name for file in PUBLISHED.iterdir()}
    try:
        load_config(PUBLISHED / name)
        refused = set()
    except ConfigError as error:
        # Its host keys are files of another machine.
        refused = {problem.path for problem in error.problems if not problem.path.startswith("ssh.hostkeys")}
    assert refused == REFUSED[name]


@pytest.mark.usefixtures("its_images")
@pytest.mark.parametrize("name", ["quick-start.yaml", "example-0.5.yaml", "dump-0.4.yaml", "switching.yaml"])
def test_the_docker_section_of_a_published_example_runs_unchanged(name: str, serving: Serving) -> None:
    with serving({}, sections={"docker": None, **published(name)}) as server, server.master() as same:
        first = server.ssh("echo $BASH_VERSION > /tmp/kept; id -un; exit 4", options=same)
        assert (first.returncode, first.stdout) == (4, b"root\n")
        assert server.ssh("cat /tmp/kept", options=same).stdout != b"\n"
        assert b"sftp-server" in sftp(server, "ls -l /usr/lib/openssh")


@pytest.mark.usefixtures("its_images")
def test_the_honeypot_of_the_guide_is_as_closed_as_it_says(serving: Serving, engine_host: str) -> None:
    sections = published("honeypot.yaml")
    sections["docker"]["connection"] = {"host": engine_host}
    with serving({}, sections=sections) as server:
        done = server.ssh("hostname; id -u; pwd; ls /sys/class/net; touch /x 2>/dev/null || echo read-only; touch here")
        assert done.stdout.split() == [b"bitcoin", b"1000", b"/home/ubuntu", b"lo", b"read-only"]
        assert done.returncode == 0


@pytest.mark.parametrize("name", ["logging.yaml", "dockerrun-dump.yaml", "dockerrun-0.3.json"])
def test_the_dockerrun_section_of_a_published_example_runs_with_a_pull_for_each(
    name: str, serving: Serving, registry: Registry, mini_image: str, tmp_path: Path
) -> None:
    sections = {"docker": None, **published(name)}
    login = ("env", f"DOCKER_CONFIG={registry.docker_config(tmp_path)}")
    with registry.pushed(mini_image) as pushed:
        # Its own image is on Docker's hub only.
        sections["dockerrun"].setdefault("config", {}).setdefault("container", {})["image"] = pushed.name
        with serving({}, sections=sections, wrapper=login) as server, server.master() as same:
            first = server.ssh("hostname; exit 4", options=same)
            assert first.returncode == 4
            assert server.ssh("hostname", options=same).stdout not in (b"", first.stdout)
            assert b"sftp-server" in sftp(server, "ls -l /usr/lib/openssh")
        wait_until(lambda: pushed.pulls == 3)


def sftp(server: Server, command: str) -> bytes:
    return server.run(["sftp", *server.ssh_options, "-b", "-", "sshore"], stdin=command.encode()).stdout


def _exists(client: DockerClient, image: str) -> bool:
    try:
        client.images.get(image)
    except ImageNotFound:
        return False
    return True


def test_a_docker_section_is_served_as_it_is(serving: Serving, engine_host: str, guest_image: str) -> None:
    execution = {
        "container": {"image": guest_image, "user": 1000, "env": ["TEAM=blue"], "cmd": ["/usr/local/bin/menu"]},
        "host": {"readonlyrootfs": True, "networkDisabled": True, "resources": {"pidslimit": 100, "memory": 67108864}},
        "idleCommand": ["/usr/bin/containerssh-agent", "wait-signal", "--signal", "TERM"],
        "shellCommand": ["/bin/bash"],
        "agentPath": "/usr/bin/containerssh-agent",
        "imagePullPolicy": "Never",
    }
    sections = {"backend": "docker", "docker": {"connection": {"host": engine_host}, "execution": execution}}
    with serving({}, sections=sections) as server:
        done = server.ssh("echo $TEAM; id -u; ls /sys/class/net; touch /etc/new || echo read-only")
        assert done.stdout.split() == [b"blue", b"1000", b"lo", b"read-only"]
        assert server.wait_for_log(r'event=configuration_note .*key=docker\.execution\.agentPath note="ignored: ')


def test_disable_command_of_dockerrun_refuses_commands(serving: Serving, engine_host: str, guest_image: str) -> None:
    config = {"container": {"image": guest_image, "cmd": ["/usr/local/bin/menu"]}, "disableCommand": True}
    sections = {"backend": "dockerrun", "docker": None, "dockerrun": {"host": engine_host, "config": config}}
    with serving({}, sections=sections) as server:
        done = server.ssh("id")
        assert (done.returncode, done.stdout) == (255, b"")
        assert b"EXEC_DISABLED" in done.stderr
