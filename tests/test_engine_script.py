"""`make engine`: scripts/engine.sh finds, starts and stops engines."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from docker import DockerClient
from support.own_engine import OwnEngine
from support.source_tree import ROOT

SCRIPT = str(ROOT / "scripts" / "engine.sh")
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can start a Docker Engine")


@pytest.fixture
def own_engine() -> Iterator[OwnEngine]:
    with tempfile.TemporaryDirectory(prefix="sshore-", ignore_cleanup_errors=True) as folder:
        engine = OwnEngine(Path(folder))
        yield engine
        engine.discard()


@pytest.mark.engine
def test_an_engine_that_answers_is_used_and_nothing_is_started(engine_host: str, tmp_path: Path) -> None:
    said = _run({"DOCKER_HOST": engine_host, "SSHORE_STATE": str(tmp_path)})
    assert said.returncode == 0
    assert f"answers at {engine_host}" in said.stdout
    assert list(tmp_path.iterdir()) == []


def test_a_docker_host_that_is_silent_is_named_and_not_replaced() -> None:
    said = _run({"DOCKER_HOST": "tcp://127.0.0.1:1"})
    assert said.returncode == 1
    assert "nothing answers at DOCKER_HOST=tcp://127.0.0.1:1" in said.stderr


@needs_root
@pytest.mark.engine
def test_where_no_engine_answers_one_is_started_once_and_stopped(own_engine: OwnEngine) -> None:
    assert "starting dockerd" in own_engine.start()
    pid = own_engine.pid
    assert DockerClient(own_engine.host, version="auto").ping()
    assert "starting" not in own_engine.start()
    assert own_engine.pid == pid
    assert f"stopping dockerd ({pid})" in own_engine.stop()
    assert not _runs(pid)
    assert "no dockerd of ours is running" in own_engine.stop()


@needs_root
@pytest.mark.engine
def test_an_engine_that_was_killed_is_started_again(own_engine: OwnEngine) -> None:
    own_engine.start()
    first = own_engine.pid
    subprocess.run(["kill", "-9", str(first)], check=True)
    assert "starting dockerd" in own_engine.start()
    assert own_engine.pid != first


def _runs(pid: int) -> bool:
    # Until init reaps it an ended process still has its folder there, but no command line.
    command_line = Path(f"/proc/{pid}/cmdline")
    return command_line.exists() and command_line.read_bytes() != b""


def _run(environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    merged = {**os.environ, **environment}
    return subprocess.run([SCRIPT], env=merged, check=False, capture_output=True, text=True)
