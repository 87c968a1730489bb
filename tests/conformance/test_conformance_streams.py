"""Every byte, in both directions, and the end of each."""

from __future__ import annotations

import hashlib
import random

import pytest
from conformance.cells import Cell
from conformance.driver import Connection, Ended, run
from support.server import Server

pytestmark = pytest.mark.engine

LARGE = 8_000_000
AFTER_THE_END = 1_000_000
ALL_BYTES = bytes(range(256))
ODD_SIZES = (1, 2, 255, 257, 4095, 4097, 32767, 32769, 65537, 262_145)
SMALL_WRITES = 1000


def test_a_program_sees_the_end_of_its_input(cell: Cell, connection: Connection, server: Server) -> None:
    assert run(connection, "cat", b"x") == Ended(0, b"x", b"")
    assert run(connection, "cat; echo end", b"") == Ended(0, b"end\n", b"")


def test_a_program_may_write_after_the_end_of_its_input(cell: Cell, connection: Connection, server: Server) -> None:
    ended = run(connection, f"wc -c; sleep 0.3; yes 0123456 | head -c {AFTER_THE_END}; echo err >&2; exit 4", b"12345")
    assert ended == Ended(4, b"5\n" + b"0123456\n" * (AFTER_THE_END // 8), b"err\n")


def test_much_goes_up(cell: Cell, connection: Connection, server: Server) -> None:
    data = random.Random(1).randbytes(LARGE)
    assert run(connection, "sha256sum", data) == Ended(0, f"{hashlib.sha256(data).hexdigest()}  -\n".encode(), b"")


def test_much_comes_down(cell: Cell, connection: Connection, server: Server) -> None:
    ended = run(connection, f"yes 'a line of some text' | head -c {LARGE}; exit 5")
    line = b"a line of some text\n"
    assert (ended.status, len(ended.stdout)) == (5, LARGE)
    assert ended.stdout == line * (LARGE // len(line))


def test_much_goes_both_ways_at_once(cell: Cell, connection: Connection, server: Server) -> None:
    data = random.Random(2).randbytes(LARGE)
    ended = run(connection, "cat", data)
    assert (ended.status, len(ended.stdout), ended.stdout == data) == (0, LARGE, True)


def test_every_byte_value_comes_through_in_odd_sizes(cell: Cell, connection: Connection, server: Server) -> None:
    program = connection.start("cat")
    for size in ODD_SIZES:
        data = (ALL_BYTES * (size // 256 + 1))[:size]
        program.write(data)
        assert program.read(size) == data
    program.end_input()
    assert program.wait().status == 0


def test_every_byte_value_comes_through_stderr(cell: Cell, connection: Connection, server: Server) -> None:
    assert run(connection, "cat >&2", ALL_BYTES * 257) == Ended(0, b"", ALL_BYTES * 257)


def test_small_writes_up_and_down_keep_their_order(cell: Cell, connection: Connection, server: Server) -> None:
    program = connection.start(f"i=0; while [ $i -lt {SMALL_WRITES} ]; do echo $i; i=$((i+1)); done; cat")
    lines = [b"%d\n" % number for number in range(SMALL_WRITES)]
    for line in lines:
        program.write(line)
    program.end_input()
    assert program.wait() == Ended(0, b"".join(lines) * 2, b"")
