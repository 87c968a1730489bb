"""Clients that are command lines."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence

from conformance.driver import SECONDS, Ended
from conformance.output import Output


class CommandProgram:
    """A program that a client's process runs."""

    def __init__(self, argv: Sequence[str], env: Mapping[str, str] | None = None, pipe_size: int = -1) -> None:
        """`env` is added to this process's environment for the client itself, whose pipes hold `pipe_size` bytes."""
        self._process = subprocess.Popen(
            argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            pipesize=pipe_size,
            env={**os.environ, **(env or {})},
        )
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self._stdout, self._stderr = Output(), Output()
        self._stdout.collect(self._process.stdout.read)
        self._stderr.collect(self._process.stderr.read)
        self.expect, self.read = self._stdout.expect, self._stdout.read

    def write(self, data: bytes) -> None:
        """Write all of it to the client's stdin."""
        assert self._process.stdin is not None
        rest = memoryview(data)
        while rest:
            rest = rest[self._process.stdin.write(rest) :]

    def end_input(self) -> None:
        """Close the client's stdin."""
        assert self._process.stdin is not None
        self._process.stdin.close()

    def wait(self) -> Ended:
        """Wait for the client's end; its status is the program's."""
        try:
            stdout, stderr = self._stdout.whole(), self._stderr.whole()
            return Ended(self._process.wait(SECONDS), stdout, stderr)
        finally:
            self._process.kill()


def check(argv: Sequence[str], env: Mapping[str, str] | None = None, stdin: bytes = b"") -> bytes:
    """Run a client to its end, which must be a good one; return its stdout."""
    done = subprocess.run(
        argv, input=stdin, capture_output=True, timeout=SECONDS, check=False, env={**os.environ, **(env or {})}
    )
    assert done.returncode == 0, (done.args, done.stdout, done.stderr)
    return done.stdout
