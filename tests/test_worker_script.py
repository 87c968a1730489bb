"""scripts/test_worker.sh: whatever runs in a worker's world ends with it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.source_tree import ROOT

SCRIPT = str(ROOT / "scripts" / "test_worker.sh")
SECONDS = 20
WORLD = """
import os, subprocess, sys
subprocess.Popen(["sleep", "1000"], start_new_session=True, close_fds=False)
processes = [name for name in os.listdir("/proc") if name.isdigit()]
print(len(processes), os.listdir("/run/netns"), os.listdir("/dev/shm"), flush=True)
exec(sys.stdin.readline())
"""

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can make namespaces")


@contextmanager
def worker(room: Path) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """One without an engine, and the end of a pipe whose other end every process in it has."""
    ours, theirs = os.pipe()
    process = subprocess.Popen(
        [SCRIPT, "-c", WORLD],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        pass_fds=(theirs,),
        env=os.environ | {"SSHORE_TESTS_ROOM": str(room)},
    )
    os.close(theirs)
    try:
        yield process, ours
    finally:
        process.kill()
        process.communicate()
        os.close(ours)


@pytest.mark.parametrize("end", ["raise SystemExit(3)", "os.kill(os.getpid(), 9)", ""], ids=["exit", "crash", "kill"])
def test_nothing_outlives_a_worker(tmp_path: Path, end: str) -> None:
    with worker(tmp_path) as (process, alive):
        assert process.stdin is not None
        assert process.stdout is not None
        # The first process, .venv's python and the sleep.
        assert process.stdout.readline() == b"3 [] []\n"
        if end:
            process.stdin.write(f"{end}\n".encode())
            process.stdin.flush()
            assert process.wait(SECONDS) == {"raise SystemExit(3)": 3}.get(end, 128 + signal.SIGKILL)
        else:
            process.kill()
        # Its end comes when the last process that holds the other end is gone.
        assert os.read(alive, 1) == b""


def test_a_worker_ends_with_whoever_started_it(tmp_path: Path) -> None:
    ours, theirs = os.pipe()
    starter = subprocess.Popen(
        [sys.executable, "-c", f"import subprocess; subprocess.run([{SCRIPT!r}, '-c', {WORLD!r}], close_fds=False)"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        pass_fds=(theirs,),
        env=os.environ | {"SSHORE_TESTS_ROOM": str(tmp_path)},
    )
    os.close(theirs)
    assert starter.stdout is not None
    assert starter.stdout.readline() == b"3 [] []\n"
    starter.kill()
    assert os.read(ours, 1) == b""
    starter.communicate()
    os.close(ours)
