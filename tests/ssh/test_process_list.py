"""`sshore ps` shows what runs, in full."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from docker import DockerClient
from docker.models.containers import Container

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
