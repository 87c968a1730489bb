"""What tests of every folder share: the engine, its images, a state folder, a guard against leftovers."""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from docker import DockerClient
from docker.errors import DockerException, ImageNotFound
from support.engines import EngineAtHand, copy_image, engine_of_kind
from support.leftovers import await_none_but, sshore_containers, waiting_in_pools
from support.own_engine import OwnEngine
from support.registry import REGISTRY, Registry
from support.server import Server

GUEST = "sshore/guest:latest"
MINI = "sshore/mini:latest"
LEFTOVER_SECONDS = 5.0


def pytest_configure() -> None:
    """Let the tests' programs hear the signals that whoever started pytest ignores: `nohup`, a shell's background."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for other in (signal.SIGHUP, signal.SIGQUIT):
        signal.signal(other, signal.SIG_DFL)


@pytest.fixture(scope="session")
def docker_client() -> Iterator[DockerClient]:
    """docker-py on the engine that DOCKER_HOST or the usual socket leads to; fails when none answers."""
    try:
        client = DockerClient.from_env(version="auto")
        client.ping()
    except DockerException as error:
        pytest.fail(f"this test needs a Docker Engine, run 'make engine': {error}", pytrace=False)
    yield client
    client.close()


@pytest.fixture(scope="session")
def engine_host(docker_client: DockerClient) -> str:
    """The address of the engine that answers, as `docker.connection.host` takes it."""
    return os.environ.get("DOCKER_HOST") or "unix:///var/run/docker.sock"


@pytest.fixture(scope="session")
def guest_image(docker_client: DockerClient) -> str:
    """The name of the Debian guest image; fails when it was not built."""
    return _built(docker_client, GUEST, "make image")


@pytest.fixture(scope="session")
def mini_image(docker_client: DockerClient) -> str:
    """The name of the busybox image; fails when it was not built."""
    return _built(docker_client, MINI, "guest/mini.sh")


@pytest.fixture(scope="session")
def own_engine(mini_image: str, engine_host: str) -> Iterator[OwnEngine]:
    """A running engine that has the busybox image; whoever stops it starts it again."""
    folder = Path(tempfile.mkdtemp(prefix="sshore-"))
    own = OwnEngine(folder)
    own.start()
    try:
        copy_image(mini_image, engine_host, own.host)
        yield own
    finally:
        own.discard()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def engine_at(engine_host: str) -> Iterator[Callable[[str], EngineAtHand]]:
    """The engine of each kind of `support.engines.KINDS`, started when it is first asked for; `bring` it its images."""
    with contextlib.ExitStack() as running:
        yield functools.cache(lambda kind: running.enter_context(engine_of_kind(kind, engine_host)))


@pytest.fixture(scope="session")
def registry(docker_client: DockerClient, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A registry of the tests' own, with a password; fails when Debian's docker-registry is not installed."""
    if shutil.which(REGISTRY) is None:
        pytest.fail("this test needs docker-registry, run 'make test' or install it", pytrace=False)
    started = Registry(tmp_path_factory.mktemp("registry"), docker_client)
    started.start()
    yield started
    started.stop()


@pytest.fixture
def state_dir(tmp_path: Path) -> Path:
    """An empty folder that only its owner can read, as a server's state folder is."""
    folder = tmp_path / "state"
    folder.mkdir(mode=0o700)
    return folder


@pytest.fixture(autouse=True)
def no_containers_left(request: pytest.FixtureRequest) -> Iterator[None]:
    """After a test on the engine no container labelled `sshore` may be there that was not there before.

    But for those that wait in the pool of a server that goes on. One that waited before the test and was handed out
    in it has to be gone, too.

    SSHORE_TESTS_SHARE_ENGINE=1 turns this off, for an engine where others make such containers meanwhile.
    """
    if request.node.get_closest_marker("engine") is None or os.environ.get("SSHORE_TESTS_SHARE_ENGINE"):
        yield
        return
    client: DockerClient = request.getfixturevalue("docker_client")
    before = sshore_containers(client).keys() - waiting_in_pools(client, Server.handed_out_by_all)
    yield
    left = await_none_but(client, before, LEFTOVER_SECONDS, handed_out=Server.handed_out_by_all)
    if left:
        pytest.fail(f"left {LEFTOVER_SECONDS:g} s after the test: {sorted(left.values())}", pytrace=False)


def _built(client: DockerClient, image: str, how: str) -> str:
    try:
        client.images.get(image)
    except ImageNotFound:
        pytest.fail(f"the image {image} is missing, run '{how}'", pytrace=False)
    return image
