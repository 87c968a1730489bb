"""A server for each place, a client for each cell; SSHORE_CONFORMANCE=all makes it every cell and every exit code."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from conformance.cells import TEN_CODES, Cell, Place, all_cells, exit_codes_of, pairwise
from conformance.clients import CLIENT_CLASSES
from conformance.driver import CANNOT, Client, Connection, run
from support.engines import WHOLE, EngineAtHand
from support.server import Server

_LOG_SHOWN = 12_000


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test in every cell whose client can do what the test needs."""
    if "cell" not in metafunc.fixturenames:
        return
    needed = [ability for marker in metafunc.definition.iter_markers("needs") for ability in marker.args]
    cells = [
        cell
        for cell in (all_cells() if WHOLE else pairwise())
        if not any((cell.client, ability) in CANNOT for ability in needed)
    ]
    metafunc.parametrize(
        ("place", "cell"), [(cell.place, cell) for cell in cells], ids=map(str, cells), scope="session"
    )


@pytest.fixture(scope="session")
def server(
    place: Place,
    engine_at: Callable[[str], EngineAtHand],
    guest_image: str,
    mini_image: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Server]:
    """A server at this place."""
    engine = engine_at(place.engine)
    image = engine.bring({"debian": guest_image, "busybox": mini_image}[place.image])
    execution = {
        "mode": place.mode,
        "container": {"Image": image},
        "host": {"NetworkMode": "none"},
        "pipes": {"engine": "off", "pipes": "on"}[place.carrier],
        "primed": place.primed,
    }
    started = Server(tmp_path_factory.mktemp("server"), engine.client, engine.connection, execution)
    started.start()
    yield started
    started.stop()


@pytest.fixture(scope="session")
def client(cell: Cell, server: Server) -> Client:
    """The cell's client."""
    return CLIENT_CLASSES[cell.client](server)


@pytest.fixture(scope="session")
def connection(client: Client) -> Iterator[Connection]:
    """A connection for every test of the cell that needs none of its own; its container is there."""
    with client.connect() as opened:
        assert run(opened, "echo there").stdout == b"there\n"
        yield opened


@pytest.fixture(scope="session")
def exit_codes(cell: Cell) -> list[int]:
    """Those that this run looks at."""
    return exit_codes_of(cell) if WHOLE else TEN_CODES


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """Show what the server was doing when a test failed."""
    report = yield
    server = getattr(item, "funcargs", {}).get("server")
    if report.failed and isinstance(server, Server):
        report.sections.append(("the server's log", server.log[-_LOG_SHOWN:]))
    return report
