"""Gateways to which faults happen, the look at what is left, and the table of what was seen.

SSHORE_FAULTS_TABLE=FILE has the table written there at the end of the run.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from support.census import (
    REST_SECONDS,
    Census,
    Fault,
    LeavesNoContainer,
    LeavesNothing,
    leaves_no_container,
    leaves_nothing,
    warm_up,
)
from support.gateway import Gateway, StartGateway
from support.gateway_fixtures import mode, proxy, start_gateway, starting
from support.witness import Witness, witness_of

__all__ = ["mode", "proxy", "start_gateway", "starting"]

_ROWS = pytest.StashKey[list[tuple[str, str, str, float]]]()
_HEAD = "| fault | mode | what the user saw | seconds until nothing was left |\n|---|---|---|---|\n"


@pytest.fixture(scope="session")
def warm_gateway(
    starting: Callable[[], AbstractContextManager[StartGateway]], mode: str
) -> Iterator[tuple[Gateway, Census]]:
    """A gateway in the mode, shared by all faults that it survives, and what it holds while nobody is there."""
    with starting() as start:
        gateway = start(mode)
        yield gateway, warm_up(gateway)


@pytest.fixture
def gateway(warm_gateway: tuple[Gateway, Census]) -> Gateway:
    """The shared gateway alone."""
    return warm_gateway[0]


@pytest.fixture(scope="module")
def witness(warm_gateway: tuple[Gateway, Census]) -> Iterator[Witness]:
    """A session on the shared gateway that must not notice what happens to others; asked behind every fault."""
    with witness_of(warm_gateway[0]) as one:
        yield one


@pytest.fixture
def leaving_nothing(request: pytest.FixtureRequest) -> LeavesNothing:
    """`with leaving_nothing("fault", gateway) as fault:` holds that nothing is left of what happens inside.

    A gateway that is not the shared one comes with its `before`, the Census from `warm_up`. Say `fault.begins()` when
    it happens and `fault.saw = …`, what its user saw: they are rows of the table. Of a test that has the `witness`
    the gateway keeps it, and it has to answer behind the fault.
    """

    @contextmanager
    def leaving(
        name: str, gateway: Gateway, before: Census | None = None, seconds: float = REST_SECONDS
    ) -> Iterator[Fault]:
        watching = request.getfixturevalue("witness") if "witness" in request.fixturenames else None
        if before is None:
            shared, before = request.getfixturevalue("warm_gateway")
            assert gateway is shared
            before = watching.before if watching else before
        with leaves_nothing(name, gateway, before, seconds) as fault:
            yield fault
            if watching:
                watching.answers()
        _note(request, fault)

    return leaving


@pytest.fixture
def leaving_no_container(request: pytest.FixtureRequest) -> LeavesNoContainer:
    """`with leaving_no_container("fault", gateway) as fault:` is for a gateway of `count` containers, five unless said.

    Say `fault.kill_gateway()` inside.
    """

    @contextmanager
    def leaving(name: str, gateway: Gateway, count: int = 5) -> Iterator[Fault]:
        with leaves_no_container(name, gateway, count) as fault:
            yield fault
        _note(request, fault)

    return leaving


def _note(request: pytest.FixtureRequest, fault: Fault) -> None:
    """Keep a row of the table."""
    mode = str(request.getfixturevalue("mode")) if "mode" in request.fixturenames else ""
    request.config.stash.setdefault(_ROWS, []).append((fault.name, mode, fault.saw, fault.seconds))


def pytest_sessionfinish(session: pytest.Session) -> None:
    file, rows = os.environ.get("SSHORE_FAULTS_TABLE"), session.config.stash.get(_ROWS, [])
    if file and rows:
        lines = (f"| {name} | {mode} | {saw} | {seconds:.1f} |\n" for name, mode, saw, seconds in rows)
        Path(file).write_text(_HEAD + "".join(lines))
