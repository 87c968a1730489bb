"""The command line, many times in little time: each run is a fork of a process that has imported it already."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

PATIENCE = 60.0
_FORKER = Path(__file__).with_name("forked_commands.py")


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a command ended, and what it wrote. `served`: it was a server that was ready, and was told to end."""

    status: int
    out: str
    err: str
    served: bool


class Commands:
    """Runs the command line. `folder`, whose path has to be short, is for its output and its word of being ready."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._runs = 0
        # Without a buffer: what it has said is what `select` sees.
        self._forker = subprocess.Popen(
            [sys.executable, str(_FORKER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
        )

    def close(self) -> None:
        """End the process that forks."""
        self._forker.communicate(timeout=PATIENCE)

    def run(self, *argv: str) -> Verdict:
        """Run `sshore ARGV` to its end; a server ends when it is ready."""
        self._runs += 1
        out, err, ready = (self._folder / f"{self._runs}.{ending}" for ending in ("out", "err", "ready"))
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notices:
            notices.bind(str(ready))
            assert self._forker.stdin
            self._forker.stdin.write(f"{json.dumps([argv, str(out), str(err), str(ready)])}\n".encode())
            pid = self._said()
            served = self._is_ready(notices)
            if served:
                os.kill(pid, signal.SIGTERM)
            status = self._said()
        return Verdict(status, out.read_text(), err.read_text(), served)

    def _said(self) -> int:
        assert self._forker.stdout
        assert select.select([self._forker.stdout], [], [], PATIENCE)[0], "it does not end"
        return int(self._forker.stdout.readline())

    def _is_ready(self, notices: socket.socket) -> bool:
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            heard, _, _ = select.select([notices, self._forker.stdout], [], [], PATIENCE)
            if notices in heard and b"READY=1" in notices.recv(4096):
                return True
            if self._forker.stdout in heard:
                return False
        raise AssertionError("it neither serves nor ends")
