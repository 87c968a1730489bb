"""Many users at once, most of whom leave well: afterwards the server holds what it held before."""

from __future__ import annotations

import importlib
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SECONDS = 240
KIB = 1024


@pytest.mark.engine
@pytest.mark.timeout(SECONDS + 30)
def test_two_hundred_cycles_leave_nothing_behind(mini_image: str, tmp_path: Path) -> None:
    picture = tmp_path / "soak.svg"
    command = [sys.executable, "-m", "bench.soak", "--cycles", "200", "--image", mini_image, "--picture", str(picture)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "command" in done.stdout
    assert picture.read_text().startswith("<?xml")


def test_the_way_to_the_engine_loses_nothing_of_a_slow_reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT)
    wire = importlib.import_module("bench.soak.wire").wire
    with socket.socket(socket.AF_UNIX) as engine, wire(tmp_path / "wire", str(tmp_path / "engine")):
        engine.bind(str(tmp_path / "engine"))
        engine.listen()
        # Somewhere in between the kernel's buffers are full and the wire keeps a little.
        for size in range(128 * KIB, 512 * KIB, 24 * KIB):
            threading.Thread(target=say, args=(engine, size), daemon=True).start()
            assert heard(tmp_path / "wire") == size


def say(engine: socket.socket, size: int) -> None:
    """Take a connection, and say so much on it."""
    connection, _ = engine.accept()
    with connection:
        connection.sendall(bytes(size))


def heard(path: Path) -> int:
    """Connect, say nothing, and read slowly to the end; return how much it was."""
    with socket.socket(socket.AF_UNIX) as server:
        server.connect(str(path))
        server.shutdown(socket.SHUT_WR)
        size = 0
        while data := server.recv(8 * KIB):
            size += len(data)
            time.sleep(0.001)  # to be slower than the other side is what it is for
    return size
