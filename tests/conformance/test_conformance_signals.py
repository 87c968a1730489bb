"""Signal requests (RFC 4254, 6.9)."""

from __future__ import annotations

import pytest
from conformance.cells import Cell
from conformance.driver import Ability, Connection, Ended, Signalling
from support.server import Server

pytestmark = [pytest.mark.engine, pytest.mark.needs(Ability.SIGNALS)]

TRAPPED = ("USR1", "TERM", "INT", "HUP")
TRAPS = "; ".join(f'trap "echo {name}" {name}' for name in TRAPPED)


def test_a_program_gets_the_signals_that_it_traps(cell: Cell, connection: Connection, server: Server) -> None:
    program = connection.start(f'{TRAPS}; trap "echo last; exit 3" USR2; echo ready; while :; do sleep 0.1; done')
    assert isinstance(program, Signalling)
    program.expect(b"ready\n")
    for name in TRAPPED:
        program.signal(name)
        program.expect(f"{name}\n".encode())
    program.signal("USR2")
    assert program.wait().status == 3


@pytest.mark.parametrize(("name", "status"), [("TERM", 143), ("KILL", 137)])
def test_a_signal_ends_a_program_that_does_not_trap_it(
    cell: Cell, connection: Connection, server: Server, name: str, status: int
) -> None:
    program = connection.start("echo ready; exec sleep 600")
    assert isinstance(program, Signalling)
    program.expect(b"ready\n")
    program.signal(name)
    assert program.wait() == Ended(status, b"ready\n", b"")
