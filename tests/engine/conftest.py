"""The real engine as the engine's tests use it."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterator

import pytest
from sshore.engine.address import EngineAddress
from sshore.engine.docker_engine import DockerEngine
from sshore.engine.errors import Conflict, NotFound


@pytest.fixture
def address(engine_host: str) -> EngineAddress:
    return EngineAddress.parse(engine_host)


@pytest.fixture
def engine(address: EngineAddress, mini_image: str) -> Iterator[DockerEngine]:
    engine = DockerEngine(address)
    yield engine
    engine.close()


@pytest.fixture
def name(engine: DockerEngine) -> Iterator[str]:
    """A name for one container, which is removed afterwards."""
    name = f"engine-test-{uuid.uuid4().hex[:12]}"
    yield name
    with contextlib.suppress(NotFound, Conflict):
        engine.remove_container(name, timeout=10)
