"""A backend on the real engine, in both modes, as an embedding program has it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sshore import Backend, DockerConfig
from support.logbook import Logbook
from support.pool_switch import with_pool

SECONDS = 30.0


class Tally:
    """A counter of the embedding program's own."""

    def __init__(self) -> None:
        self.value = 0

    def inc(self) -> None:
        self.value += 1


@pytest.fixture(params=[{"mode": "connection"}, {"mode": "session"}], ids=["connection", "session"])
def docker(request: pytest.FixtureRequest, engine_host: str, mini_image: str) -> DockerConfig:
    """The configuration, in one mode after the other; a parameter is a part of its section `execution`."""
    return DockerConfig.model_validate(
        {
            "connection": {"host": engine_host},
            "execution": with_pool({**request.param, "container": {"Image": mini_image}}),
        }
    )


@pytest.fixture
async def backend(docker: DockerConfig, state_dir: Path) -> AsyncIterator[Backend]:
    """A backend that runs; afterwards nothing of it may be left."""
    book = Logbook()
    made = Backend(docker, state_dir, log=book.log)
    await made.start()
    yield made
    await made.shutdown(SECONDS)
    assert book.of("containers_left_to_the_janitor") == []
    assert book.of("actor_failed") == []


@pytest.fixture
def requests() -> Tally:
    """The embedding program's counter of requests."""
    return Tally()


@pytest.fixture
def failures() -> Tally:
    """The embedding program's counter of failed requests."""
    return Tally()
