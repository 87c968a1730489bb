"""Sessions that are there at the same time, on one connection and on several."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack

import pytest
from conformance.cells import Cell
from conformance.driver import Ability, Client, Connection
from support.server import Server

pytestmark = pytest.mark.engine

CHANNELS = 5
CONNECTIONS = 3


@pytest.mark.needs(Ability.CHANNELS)
def test_sessions_of_one_connection_run_side_by_side(cell: Cell, connection: Connection, server: Server) -> None:
    hosts = _hosts_of_programs_side_by_side([connection] * CHANNELS)
    assert len(hosts) == {"connection": 1, "session": CHANNELS}[cell.place.mode]


def test_connections_run_side_by_side(cell: Cell, client: Client, server: Server) -> None:
    with ExitStack() as open_ones:
        connections = [open_ones.enter_context(client.connect()) for _ in range(CONNECTIONS)]
        hosts = _hosts_of_programs_side_by_side(connections)
    assert len(hosts) == CONNECTIONS


def _hosts_of_programs_side_by_side(connections: Sequence[Connection]) -> set[bytes]:
    """Start a program on each, speak to all of them in turns, end them; return in which containers they were."""
    programs = [connection.start("cat /proc/sys/kernel/hostname; cat; exit 6") for connection in connections]
    hosts = {program.expect(b"\n") for program in programs}
    for turn in (b"first", b"second"):
        for number, program in enumerate(programs):
            program.write(turn + b" %d\n" % number)
        assert [program.expect(b"\n") for program in programs] == [
            turn + b" %d" % number for number in range(len(programs))
        ]
    for program in programs:
        program.end_input()
    assert [program.wait().status for program in programs] == [6] * len(programs)
    return hosts
