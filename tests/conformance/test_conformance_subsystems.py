"""The subsystem sftp: a file there and back."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

import pytest
from conformance.cells import Cell
from conformance.driver import Connection
from support.server import Server

pytestmark = pytest.mark.engine


def test_a_file_goes_there_and_comes_back(cell: Cell, connection: Connection, server: Server, tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(os.urandom(1_000_003))
    connection.round_trip(source, f"/tmp/{secrets.token_hex(4)}", target)
    assert target.read_bytes() == source.read_bytes()
