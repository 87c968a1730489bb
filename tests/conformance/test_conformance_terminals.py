"""An interactive shell: sizes, keys, its end."""

from __future__ import annotations

import pytest
from conformance.cells import Cell
from conformance.driver import Ability, Connection, Signalling
from support.server import Server

pytestmark = pytest.mark.engine

# busybox has no tput.
COLUMNS = {"debian": "tput cols", "busybox": "stty size | cut -d' ' -f2"}
ROWS = {"debian": "tput lines", "busybox": "stty size | cut -d' ' -f1"}


def test_a_shell_knows_its_size_and_what_it_changes_to(cell: Cell, connection: Connection, server: Server) -> None:
    columns, rows = COLUMNS[cell.place.image], ROWS[cell.place.image]
    size = f'echo "size=$({columns})x$({rows})"\r'
    with connection.screen(91, 37) as screen:
        screen.type(size)
        screen.expect("size=91x37\r\n")
        screen.resize(120, 50)
        screen.type(f'until [ "$({columns})" = 120 ]; do sleep 0.05; done\r')
        screen.type(size)
        screen.expect("size=120x50\r\n")
        screen.type("exit 7\r")
        assert screen.wait() == 7


def test_a_shell_has_the_clients_terminal_and_its_keys(cell: Cell, connection: Connection, server: Server) -> None:
    with connection.screen(80, 24) as screen:
        screen.type('echo "term=$TERM"; tty\r')
        screen.expect("term=xterm\r\n/dev/")
        screen.type("""sh -c 'echo be""gun; exec sleep 1000'\r""")
        screen.expect("begun\r\n")
        screen.type("\x03")
        screen.type('echo "status=$?"\r')
        screen.expect("status=130\r\n")
        # A Ctrl-D in front of the prompt may meet a terminal that still edits lines, and be lost as it is there.
        screen.expect("# ")
        screen.type("\x04")
        assert screen.wait() == 0


@pytest.mark.needs(Ability.SIGNALS)
def test_a_signal_reaches_what_runs_on_a_terminal(cell: Cell, connection: Connection, server: Server) -> None:
    with connection.screen(80, 24) as screen:
        assert isinstance(screen, Signalling)
        screen.type("""trap 'echo go""t; exit 3' USR1; echo rea""dy; while :; do sleep 0.1; done\r""")
        screen.expect("ready\r\n")
        screen.signal("USR1")
        screen.expect("got\r\n")
        assert screen.wait() == 3
