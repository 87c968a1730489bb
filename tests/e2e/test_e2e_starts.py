"""Containers and programs that cannot start: the engine's own words go to the log, never to the user."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from docker import DockerClient
from support.images import BUSYBOX, shell_less_image
from support.server import Server, Serving

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def shell_less(docker_client: DockerClient, mini_image: str) -> Iterator[str]:
    with shell_less_image(docker_client, mini_image) as name:
        yield name


def assert_refused(
    server: Server, code: str, status: int | tuple[int, ...], cause: str, command: tuple[str, ...] = ("echo out",)
) -> None:
    """Everybody is told his part, twice: the server goes on as before. `code` is a regular expression."""
    for _ in range(2):
        mark = server.log_mark()
        done = server.ssh(*command, options=["-T"])
        assert done.returncode in (status if isinstance(status, tuple) else (status,))
        assert done.stdout == b""
        assert re.fullmatch(rf"sshore: [^\n]*\. \({code}\)\n", done.stderr.decode())
        assert cause in server.wait_for_log(rf".*event=\w+_refused.* code={code}.*", since=mark)[0]


def test_an_image_that_does_not_exist(serving: Serving, mode: str) -> None:
    execution = {"mode": mode, "imagePullPolicy": "Never", "container": {"Image": "sshore-tests/missing:1"}}
    with serving(execution) as server:
        assert_refused(server, "IMAGE_NOT_FOUND", 255, "sshore-tests/missing:1")
        assert_refused(server, "IMAGE_NOT_FOUND", 255, "sshore-tests/missing:1", command=())


def test_an_image_that_nobody_has(serving: Serving, mode: str) -> None:
    """Pulled from a registry on a port where nobody listens."""
    with serving({"mode": mode, "container": {"Image": "127.0.0.1:1/missing:1"}}) as server:
        assert_refused(server, "IMAGE_PULL_FAILED", 255, "127.0.0.1:1")


def test_a_user_that_the_image_does_not_have(serving: Serving, mode: str, guest_image: str) -> None:
    execution = {"mode": mode, "container": {"Image": guest_image, "User": "nobody-knows"}}
    with serving(execution) as server:
        assert_refused(server, "PROGRAM_START_FAILED", 126, "nobody-knows")


@pytest.mark.parametrize("mode", ["connection"], indirect=True, scope="session")
def test_an_image_without_a_shell(serving: Serving, mode: str, shell_less: str) -> None:
    execution = {"mode": mode, "container": {"Image": shell_less}, "idleCommand": [BUSYBOX, "sleep", "600"]}
    with serving(execution) as server:
        assert_refused(server, "PROGRAM_START_FAILED", 126, "/bin/sh")
        assert_refused(server, "PROGRAM_START_FAILED", 126, "/bin/sh", command=())
        on_a_terminal = server.ssh("echo out", options=["-tt"])
        assert (on_a_terminal.returncode, on_a_terminal.stdout) == (126, b"")


@pytest.mark.parametrize("mode", ["connection"], indirect=True, scope="session")
def test_an_image_without_a_shell_for_the_idle_program(serving: Serving, mode: str, shell_less: str) -> None:
    with serving({"mode": mode, "container": {"Image": shell_less}}) as server:
        assert_refused(server, "IMAGE_WITHOUT_SHELL", 255, "the container ended before its connection")


@pytest.mark.parametrize("mode", ["session"], indirect=True, scope="session")
def test_an_image_without_a_shell_runs_its_own_program(serving: Serving, mode: str, shell_less: str) -> None:
    with serving({"mode": mode, "container": {"Image": shell_less}}) as server:
        done = server.ssh(options=["-T"])
        assert (done.returncode, done.stdout, done.stderr) == (0, b"hello\n", b"")
        no_shell = server.ssh("echo out")
        assert (no_shell.returncode, no_shell.stdout) == (127, b"")
        assert b"/bin/sh" in no_shell.stderr


def test_a_shell_that_does_not_exist(serving: Serving, mode: str) -> None:
    with serving({"mode": mode, "shellCommand": ["/no/such/shell"]}) as server:
        done = server.ssh("echo out")
        assert (done.returncode, done.stdout) == (127, b"")
        assert b"/no/such/shell" in done.stderr


def test_a_subsystem_that_the_image_does_not_have(serving: Serving, mode: str) -> None:
    with serving({"mode": mode, "subsystems": {"time": "/no/such/timekeeper", "hello": "echo hello"}}) as server:
        missing = server.ssh("time", options=["-s"])
        assert (missing.returncode, missing.stdout) == (127, b"")
        assert server.ssh("hello", options=["-s"]).stdout == b"hello\n"


def test_host_settings_that_the_engine_refuses(serving: Serving, mode: str) -> None:
    with serving({"mode": mode, "host": {"Memory": 1}}) as server:
        assert_refused(server, "CONTAINER_CREATE_FAILED", 255, "memory limit")


def test_an_engine_that_is_not_there(serving: Serving, mode: str, tmp_path: Path) -> None:
    with serving({"mode": mode}, host=f"unix://{tmp_path}/none.sock") as server:
        assert_refused(server, "ENGINE_UNAVAILABLE", 255, "No such file")


@pytest.mark.parametrize("content", [b"", b"\0\xff\xfe\x80", b"- a\n- list\n", b"ssh: {listen: 127.0.0.1:0\n"])
@pytest.mark.parametrize("command", ["serve", "check-config"])
def test_a_configuration_that_is_none(tmp_path: Path, content: bytes, command: str) -> None:
    file = tmp_path / "config.yaml"
    file.write_bytes(content)
    named = ["--config", str(file), "--state", str(tmp_path)] if command == "serve" else [str(file)]
    argv = [sys.executable, "-m", "sshore", command, *named]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False)

    assert done.returncode == 1
    assert str(file) in done.stderr
    assert "Traceback" not in done.stderr
