"""Several OpenSSH clients at once, with a terminal or without."""

from __future__ import annotations

import os
import select
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from .server import Server

SECONDS = 20.0
_CHUNK = 65536


class Client:
    """One `ssh` that was started. Its stdin is a pipe that `type` writes to, unless it has none.

    Without `stdout` what it says there is thrown away, as a test that looks at what comes besides has no use for it.
    """

    def __init__(self, argv: Sequence[str], *, stdin: bool = True, stdout: bool = True) -> None:
        self.output = b""
        """What it has said so far, on stdout and stderr."""
        self.process = subprocess.Popen(
            argv,
            stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
            stdout=subprocess.PIPE if stdout else subprocess.DEVNULL,
            stderr=subprocess.STDOUT if stdout else subprocess.PIPE,
            bufsize=0,
        )
        said = self.process.stdout or self.process.stderr
        assert said
        self._said = said

    def type(self, line: str) -> None:
        """Send a line to its program."""
        assert self.process.stdin
        self.process.stdin.write(f"{line}\n".encode())

    def expect(self, text: str, seconds: float = SECONDS) -> None:
        """Wait until it has said this."""
        deadline = time.monotonic() + seconds
        while text.encode() not in self.output:
            assert self._read(deadline), f"{text!r} does not come: {self.output[-2000:]!r}"

    def wait(self, seconds: float = SECONDS) -> int:
        """Read to its end; return its status."""
        deadline = time.monotonic() + seconds
        while self._read(deadline):
            pass
        return self.process.wait(max(0.1, deadline - time.monotonic()))

    def log_out(self) -> None:
        """End its stdin, as Ctrl-D does."""
        assert self.process.stdin
        self.process.stdin.close()

    def kill(self) -> None:
        """`kill -9`."""
        self.process.kill()
        self.process.wait()

    def close(self) -> None:
        """Kill it if it still runs, and let go of its pipes."""
        self.kill()
        for pipe in (self.process.stdin, self._said):
            if pipe:
                pipe.close()

    def _read(self, deadline: float) -> bool:
        poll = select.poll()
        poll.register(self._said, select.POLLIN)
        ready = poll.poll(1000 * max(0.0, deadline - time.monotonic()))
        data = os.read(self._said.fileno(), _CHUNK) if ready else b""
        self.output += data
        return bool(data)


@contextmanager
def clients(
    server: Server,
    count: int,
    *command: str,
    options: Sequence[str] = (),
    stdin: bool = True,
    stdout: bool = True,
) -> Iterator[list[Client]]:
    """So many clients at once, each with a connection of its own; they are killed at the end."""
    argv = server.ssh_argv(*command, options=options)
    started = [Client(argv, stdin=stdin, stdout=stdout) for _ in range(count)]
    try:
        yield started
    finally:
        for client in started:
            client.close()
