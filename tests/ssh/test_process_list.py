"""`sshore ps` shows what runs, in full."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from docker import DockerClient
from docker.models.containers import Container
from sshore.engine.types import ContainerSummary
from sshore.ssh.process_list import whose

LABELS = {
    "sshore": "1",
    "sshore.connection": "0123456789abcdef0123456789abcdef",
    "sshore.client": "192.0.2.7:50000",
    "sshore.user": "a-user-with-a-long-name@example.com",
    "sshore.gateway": "ofatest",
}
NAME = "sshore-a-user-with-a-long-name_example.com-0123456789ab"


@pytest.fixture
def container(docker_client: DockerClient, mini_image: str) -> Iterator[Container]:
    made = docker_client.containers.create(mini_image, name=NAME, labels=LABELS, network_mode="none")
    yield made
    made.remove(force=True)


@pytest.mark.engine
def test_a_container_is_listed_with_nothing_cut_off(container: Container, engine_host: str, tmp_path: Path) -> None:
    done = _ps(tmp_path, engine_host)
    assert (done.returncode, done.stderr) == (0, "")
    row = next(line.split() for line in done.stdout.splitlines() if NAME in line)
    image = container.attrs["Config"]["Image"]
    assert row[:6] == ["0123456789ab", LABELS["sshore.user"], LABELS["sshore.client"], NAME, image, "created"]


@pytest.mark.engine
@pytest.mark.parametrize(
    ("name", "whose"),
    [
        ("sshore.pool-0123456789ab", ["(waiting)"]),
        ("sshore-al-ice-0123456789ab", ["al-ice"]),
        ("workshop-al-ice-0123456789ab", ["workshop-al-ice"]),
    ],
)
def test_one_that_waited_in_a_pool_is_its_users_by_its_name(
    docker_client: DockerClient, mini_image: str, engine_host: str, tmp_path: Path, name: str, whose: list[str]
) -> None:
    labels = {"sshore": "1", "sshore.gateway": "ofatest", "sshore.pool": "sshore.pool-0123456789ab"}
    made = docker_client.containers.create(mini_image, name=name, labels=labels, network_mode="none")
    try:
        row = next(line.split() for line in _ps(tmp_path, engine_host).stdout.splitlines() if name in line)
    finally:
        made.remove(force=True)
    assert row[: len(whose) + 1] == [*whose, name]


def test_one_whose_name_the_engine_has_lost_is_nobodys_by_its_name() -> None:
    pooled = {"sshore": "1", "sshore.pool": "sshore.pool-0123456789ab"}
    lost = ContainerSummary("ab" * 32, "ab" * 32, "sshore/guest", "running", 0.0, pooled)
    assert whose(lost, "sshore") == ("", "", "")
    assert whose(replace(lost, name="sshore-alice-0123456789ab"), "sshore") == ("", "alice", "")


def test_an_engine_that_does_not_answer_is_one_sentence(tmp_path: Path) -> None:
    done = _ps(tmp_path, f"unix://{tmp_path}/nobody.sock")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "container_list: there is no such socket (No such file or directory)\n"


def test_an_engine_that_cannot_be_reached_this_way_is_one_sentence(tmp_path: Path) -> None:
    done = _ps(tmp_path, "tcp://engine.example/path")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("'tcp://engine.example/path' is no engine address")


def _ps(folder: Path, host: str) -> subprocess.CompletedProcess[str]:
    config = folder / "sshore.json"
    config.write_text(json.dumps({"docker": {"connection": {"host": host}}}))
    command = [sys.executable, "-m", "sshore", "ps", "--config", str(config)]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=30)
