"""A command, its environment, its end."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from conformance.cells import Cell
from conformance.driver import Ability, Connection, Ended, run
from support.server import Server

pytestmark = [pytest.mark.engine, pytest.mark.timeout(300)]

AT_ONCE = 8


def test_a_command_has_its_output_and_its_status(cell: Cell, connection: Connection, server: Server) -> None:
    ended = run(connection, "echo out; echo err >&2; exit 3")
    assert ended == Ended(3, b"out\n", b"err\n")


def test_a_command_is_the_shells(cell: Cell, connection: Connection, server: Server) -> None:
    ended = run(connection, """printf '%s|' "a  b" $((40 + 2)) | tr '|' '\\n'; false || echo "it's"; (exit 9)""")
    assert ended == Ended(9, b"a  b\n42\nit's\n", b"")


@pytest.mark.needs(Ability.ENVIRONMENT)
def test_the_clients_variables_are_the_commands(cell: Cell, connection: Connection, server: Server) -> None:
    sent = {"CONFORMANCE_WORDS": "one  two", "CONFORMANCE_SIGNS": "$HOME;'x'"}
    ended = run(connection, 'printf "%s\\n" "$CONFORMANCE_WORDS" "$CONFORMANCE_SIGNS"', env=sent)
    assert ended == Ended(0, b"one  two\n$HOME;'x'\n", b"")


def test_the_login_environment_is_there(cell: Cell, connection: Connection, server: Server) -> None:
    ended = run(connection, 'echo "$USER $LOGNAME $HOME $SHELL ${SSH_CONNECTION%% *} ${SSH_TTY-none}"')
    shell = {"debian": b"/bin/bash", "busybox": b"/bin/sh"}[cell.place.image]
    assert ended == Ended(0, b"root root /root " + shell + b" 127.0.0.1 none\n", b"")


def test_every_exit_code_arrives(cell: Cell, connection: Connection, server: Server, exit_codes: list[int]) -> None:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        ended = list(pool.map(lambda code: run(connection, f"exit {code}"), exit_codes))
    assert [(end.status, end.stderr) for end in ended] == [(code, b"") for code in exit_codes]


def test_a_killed_program_ends_with_128_and_the_signals_number(
    cell: Cell, connection: Connection, server: Server
) -> None:
    assert run(connection, "kill -9 $$").status == 137
