"""Fixtures: gateways that tests may do anything to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any

import pytest
from docker import DockerClient
from support.engine_proxy import EngineProxy
from support.gateway import Gateway, StartGateway

MODES = ("connection", "session")


@pytest.fixture(params=MODES, scope="session")
def mode(request: pytest.FixtureRequest) -> str:
    """The execution mode."""
    return request.param


@pytest.fixture(scope="session")
def starting(
    docker_client: DockerClient, engine_host: str, mini_image: str, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[], AbstractContextManager[StartGateway]]:
    """Gives a `start_gateway` whose gateways are discarded behind it."""

    @contextmanager
    def starting() -> Iterator[StartGateway]:
        started: list[Gateway] = []

        def start(
            mode: str,
            *,
            client: DockerClient = docker_client,
            host: str = engine_host,
            image: str = mini_image,
            limits_of_containers: Mapping[str, Any] | None = None,
            execution: Mapping[str, Any] | None = None,
            **more: Any,
        ) -> Gateway:
            execution = {
                "mode": mode,
                "container": {"Image": image},
                "host": {"NetworkMode": "none", **(limits_of_containers or {})},
                "imagePullPolicy": "Never",
                **(execution or {}),
            }
            gateway = Gateway(tmp_path_factory.mktemp("gateway"), client, host, execution, **more)
            gateway.start()
            started.append(gateway)
            return gateway

        with ExitStack() as stack:
            try:
                yield start
            finally:
                for gateway in started:
                    stack.callback(gateway.discard)

    return starting


@pytest.fixture
def start_gateway(starting: Callable[[], AbstractContextManager[StartGateway]]) -> Iterator[StartGateway]:
    """Starts a gateway in a mode, with containers that have no network; `execution` is put over that section.

    The other arguments are those of `Gateway`.
    """
    with starting() as start:
        yield start


@pytest.fixture
def proxy(engine_host: str) -> Iterator[EngineProxy]:
    """A proxy in front of the engine, for what it does not do by itself at the right moment."""
    with EngineProxy(engine_host) as proxy:
        yield proxy
