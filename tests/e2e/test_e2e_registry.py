"""Images that come from a registry while their users wait."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from docker import DockerClient
from docker.errors import ImageNotFound
from support.gateway import wait_until
from support.pool_switch import COLD
from support.registry import Pushed, Registry
from support.server import Server, Serving
from support.terminal import Terminal

pytestmark = pytest.mark.engine

only_connection = pytest.mark.parametrize("mode", ["connection"], indirect=True, scope="session")
only_session = pytest.mark.parametrize("mode", ["session"], indirect=True, scope="session")

CLIENTS = {"connection": 50, "session": 8}
PATIENCE = 40.0
LARGE = 3_000_000
WIPED = re.compile(rb"\r +\r$")


@pytest.fixture
def pushed(registry: Registry, mini_image: str) -> Iterator[Pushed]:
    """A new image that the engine does not have."""
    with registry.pushed(mini_image, LARGE) as made:
        yield made


@pytest.fixture
def held(registry: Registry) -> Iterator[Registry]:
    """The registry, which answers as soon as the test says `tap.release()`."""
    registry.tap.hold()
    yield registry
    registry.tap.release()


def execution(pushed: Pushed, mode: str, **more: Any) -> dict[str, Any]:
    return {"mode": mode, "container": {"Image": pushed.name}, "auth": pushed.registry.auth, **COLD, **more}


def has(client: DockerClient, image: str) -> bool:
    try:
        client.images.get(image)
    except ImageNotFound:
        return False
    return True


@contextmanager
def started(server: Server, *command: str, options: tuple[str, ...] = ()) -> Iterator[subprocess.Popen[bytes]]:
    """A client that runs while the test does something else."""
    argv = server.ssh_argv(*command, options=options)
    process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def await_events(server: Server, event: str, number: int) -> None:
    wait_until(lambda: server.log.count(f"event={event} ") >= number, PATIENCE)


def test_many_who_come_for_a_missing_image_share_one_pull(
    serving: Serving, mode: str, pushed: Pushed, held: Registry, docker_client: DockerClient
) -> None:
    number = CLIENTS[mode]
    with serving(execution(pushed, mode)) as server:
        options = [("-tt",) if count % 10 == 0 else ("-T",) for count in range(number)]
        argvs = [server.ssh_argv("echo out", options=option) for option in options]
        pipes: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        clients = [subprocess.Popen(argv, **pipes) for argv in argvs]
        try:
            await_events(server, "authenticated", number)
            assert clients[0].stderr.read1().startswith(b"\rsshore: Fetching the image")
            held.tap.release()
            said = [client.communicate(timeout=PATIENCE) for client in clients]
        finally:
            for client in clients:
                client.kill()
        assert [client.returncode for client in clients] == [0] * number
        for option, (stdout, stderr) in zip(options, said, strict=True):
            assert stdout == (b"out\n" if option == ("-T",) else b"out\r\n")
            assert stderr == b"" or option == ("-tt",)
        assert server.log.count("event=image_pull_started ") == 1
    shared = pushed.pulls
    held.forget(pushed.repository)
    docker_client.images.pull(pushed.repository, "latest", auth_config=held.auth)
    assert (shared, pushed.pulls) == (1, 2)


def test_a_terminal_shows_how_far_it_is_and_is_clean_in_the_end(
    serving: Serving, mode: str, pushed: Pushed, held: Registry
) -> None:
    held.tap.hold(LARGE // 2)
    with (
        serving(execution(pushed, mode)) as server,
        Terminal(server.ssh_argv("echo out", options=["-t"])) as screen,
    ):
        screen.expect("sshore: Fetching the image: 1 of 2 layers, ")
        held.tap.release()
        assert WIPED.search(screen.expect("out"))
        assert screen.wait() == 0


@only_connection
def test_a_session_that_comes_during_the_pull_sees_it_too(
    serving: Serving, mode: str, pushed: Pushed, held: Registry
) -> None:
    with serving(execution(pushed, mode)) as server, server.master() as options:
        server.wait_for_log("event=image_pull_started ")
        with Terminal(server.ssh_argv("echo out", options=[*options, "-t"])) as screen:
            screen.expect("sshore: Fetching the image")
            held.tap.release()
            screen.expect("out")
            assert screen.wait() == 0


def test_who_leaves_stops_nobodys_waiting_but_his_own(
    serving: Serving, mode: str, pushed: Pushed, held: Registry, docker_client: DockerClient
) -> None:
    with serving(execution(pushed, mode)) as server:
        with started(server, "echo out") as patient:
            await_events(server, "authenticated", 1)
            with started(server, "echo out"):
                await_events(server, "authenticated", 2)
            await_events(server, "disconnected", 1)
            held.tap.release()
            assert patient.communicate(timeout=PATIENCE) == (b"out\n", b"")
        held.forget(pushed.repository)
        held.tap.hold()
        with started(server, "echo out"):
            await_events(server, "image_pull_started", 2)
        await_events(server, "disconnected", 3)
        held.tap.release()
        await_events(server, "image_pull_ended", 2)
    assert has(docker_client, pushed.name)


@only_connection
def test_an_image_that_was_removed_is_pulled_again(serving: Serving, mode: str, pushed: Pushed) -> None:
    with serving(execution(pushed, mode)) as server:
        for pulls in (1, 2):
            assert server.ssh("echo out").stdout == b"out\n"
            assert server.ssh("echo out").stdout == b"out\n"
            assert pushed.pulls == pulls
            pushed.registry.forget(pushed.repository)


@only_session
@pytest.mark.parametrize(("policy", "renewed"), [("Always", True), ("IfNotPresent", False)])
def test_a_tag_that_moved(
    serving: Serving,
    mode: str,
    pushed: Pushed,
    mini_image: str,
    docker_client: DockerClient,
    policy: str,
    renewed: bool,
) -> None:
    def content() -> bytes:
        return server.ssh("busybox md5sum /only-here").stdout

    with serving(execution(pushed, mode, imagePullPolicy=policy)) as server:
        before = content()
        there = docker_client.images.get(pushed.name)
        there.tag("sshore-tests/kept", pushed.repository[-12:])
        try:
            pushed.registry.push(pushed.repository, mini_image)
            there.tag(pushed.repository, "latest")
        finally:
            docker_client.images.remove(f"sshore-tests/kept:{pushed.repository[-12:]}")
        assert (content() != before) is renewed


# Failures.


def refused(server: Server, code: str, cause: str) -> None:
    """The user hears a sentence, the operator the registry's reason."""
    mark = server.log_mark()
    done = server.ssh("echo out", options=["-T"], timeout=PATIENCE)
    assert (done.returncode, done.stdout) == (255, b"")
    assert re.fullmatch(rf"sshore: The image [^\n]*\. \({code}\)\n", done.stderr.decode())
    assert re.search(cause, server.wait_for_log(rf"event=image_pull_failed.* code={code}.*", since=mark)[0])


@only_session
def test_a_registry_that_refuses(serving: Serving, mode: str, pushed: Pushed, tmp_path: Path) -> None:
    """Both logins are tried: the configured one, and the server's own once it is there."""
    wrong = {"username": "puller", "password": "wrong"}
    with serving(execution(pushed, mode, auth=wrong)) as server:
        refused(server, "IMAGE_PULL_DENIED", "[Uu]nauthorized|no basic auth credentials")
        assert "wrong" not in server.log
    own = execution(pushed, mode)
    del own["auth"]
    with serving(own, wrapper=("env", f"DOCKER_CONFIG={tmp_path}")) as server:
        refused(server, "IMAGE_PULL_DENIED", "[Uu]nauthorized|no basic auth credentials")
        pushed.registry.docker_config(tmp_path)
        assert server.ssh("echo out").stdout == b"out\n"


@only_session
def test_a_tag_that_the_registry_does_not_have(serving: Serving, mode: str, pushed: Pushed) -> None:
    image = {"Image": f"{pushed.repository}:other"}
    with serving(execution(pushed, mode, container=image)) as server:
        refused(server, "IMAGE_NOT_FOUND", "manifest unknown|not found")


@only_connection
def test_a_registry_that_falls_silent(serving: Serving, mode: str, pushed: Pushed, held: Registry) -> None:
    with serving(execution(pushed, mode), timeouts={"imagePullStall": "1s"}) as server:
        refused(server, "IMAGE_PULL_FAILED", "nothing came for 1 s")
        held.tap.release()
        assert server.ssh("echo out").stdout == b"out\n"


@only_session
def test_a_terminal_is_clean_before_the_sentence_of_a_failure(
    serving: Serving, mode: str, pushed: Pushed, held: Registry
) -> None:
    with (
        serving(execution(pushed, mode), timeouts={"imagePullStall": "3s"}) as server,
        Terminal(server.ssh_argv("echo out", options=["-t"])) as screen,
    ):
        assert WIPED.search(screen.expect("sshore: The image for this session could not be fetched"))
        assert screen.wait() == 255


@only_connection
def test_a_stop_does_not_wait_for_a_pull(serving: Serving, mode: str, pushed: Pushed, held: Registry) -> None:
    with ExitStack() as clients:
        with serving(execution(pushed, mode)) as server:
            client = clients.enter_context(started(server, "echo out"))
            await_events(server, "image_pull_started", 1)
        # It has ended as it should by now.
        _, stderr = client.communicate(timeout=PATIENCE)
        assert client.returncode == 255
        assert b"INTERNAL_ERROR" not in stderr
