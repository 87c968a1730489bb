"""The same programs through `ssh` here and at a real sshd, at once, and what came of each."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .certificates import LOOPBACK
from .own_sshd import OwnSshd

SECONDS = 30.0
_AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class Run:
    """A command line for `ssh`, its client's stdin, and options of the client."""

    command: str
    stdin: bytes = b""
    options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Came:
    """What a client had of it."""

    status: int
    stdout: bytes
    stderr: bytes


Client = Callable[[Run], Came]


def outcomes(client: Client, runs: Iterable[Run]) -> dict[str, Came]:
    """Return what came of each command, four of them at a time."""
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        asked = {run.command: threads.submit(client, run) for run in runs}
        return {command: answer.result() for command, answer in asked.items()}


@contextmanager
def sshd_client(folder: Path) -> Iterator[Client]:
    """A client of an sshd that `folder` is for."""
    sshd = OwnSshd(folder)
    sshd.start()

    def client(run: Run) -> Came:
        argv = ["ssh", "-q", "-p", str(sshd.port), *run.options, f"{sshd.user}@{LOOPBACK}", run.command]
        return run_client(argv, run.stdin, {**os.environ, "PATH": sshd.path})

    try:
        yield client
    finally:
        sshd.stop()


def run_client(argv: list[str], stdin: bytes, env: dict[str, str] | None = None) -> Came:
    """Run a client to its end."""
    try:
        done = subprocess.run(argv, input=stdin, capture_output=True, timeout=SECONDS, check=False, env=env)
    except subprocess.TimeoutExpired as error:
        return Came(-1, error.stdout or b"", b"it hangs")
    return Came(done.returncode, done.stdout, done.stderr)
