"""Real servers on the real engine, one per mode for all tests that need nothing special."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from docker import DockerClient
from support.gateway_fixtures import start_gateway, starting
from support.server import Server, Serving

__all__ = ["start_gateway", "starting"]

MODES = ("connection", "session")
_LOG_SHOWN = 12_000


@pytest.fixture(scope="session")
def volume(docker_client: DockerClient) -> Iterator[str]:
    """A volume that every container of `server` has at /srv: sessions of session mode share nothing else."""
    made = docker_client.volumes.create(f"sshore-tests-{secrets.token_hex(4)}")
    yield made.name
    made.remove()


@pytest.fixture(scope="session")
def serving(
    docker_client: DockerClient, engine_host: str, guest_image: str, tmp_path_factory: pytest.TempPathFactory
) -> Serving:
    """Starts a server with an `execution` section of the configuration; on the guest image unless that says otherwise.

    The other arguments are those of `Server`, and `host` and `client` are for another engine.
    """

    @contextmanager
    def serve(
        execution: dict[str, Any],
        *,
        host: str | Mapping[str, str] = engine_host,
        client: DockerClient = docker_client,
        **more: Any,
    ) -> Iterator[Server]:
        folder = more.pop("folder", None) or tmp_path_factory.mktemp("server")
        server = Server(folder, client, host, {"container": {"Image": guest_image}} | execution, **more)
        server.start()
        try:
            yield server
        finally:
            server.stop()

    return serve


@pytest.fixture(scope="session", params=MODES)
def mode(request: pytest.FixtureRequest) -> str:
    """The execution mode."""
    return request.param


@pytest.fixture(scope="session")
def server(mode: str, serving: Serving, volume: str) -> Iterator[Server]:
    """A server in each of the modes."""
    with serving({"mode": mode, "host": {"Binds": [f"{volume}:/srv"]}}) as started:
        yield started


@pytest.fixture
def shared_folder(server: Server) -> str:
    """A new folder in the containers of `server`, kept from one container to the next."""
    folder = f"/srv/{secrets.token_hex(6)}"
    assert server.ssh(f"mkdir {folder}").returncode == 0
    return folder


@pytest.fixture
def local(tmp_path: Path) -> Path:
    """A folder on the client's side with a binary file `data`."""
    (tmp_path / "data").write_bytes(os.urandom(300_000))
    return tmp_path


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """Show what the server was doing when a test failed."""
    report = yield
    server = getattr(item, "funcargs", {}).get("server")
    if report.failed and isinstance(server, Server):
        server.show_threads()
        report.sections.append(("the server's log", server.log[-_LOG_SHOWN:]))
    return report
