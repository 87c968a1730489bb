"""A program on a terminal of the tests': what a person at a keyboard sees and types."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
import time
from collections.abc import Sequence

SECONDS = 15.0


class Terminal:
    """Runs `argv` on a new pseudo terminal of columns × rows. Use it as a context manager."""

    def __init__(self, argv: Sequence[str], columns: int = 80, rows: int = 24, term: str = "xterm") -> None:
        self.screen = b""
        """Everything that the program has written."""
        self._master, slave = pty.openpty()
        self._read = 0
        self.resize(columns, rows)
        self.process = subprocess.Popen(
            argv,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
            env={**os.environ, "TERM": term},
        )
        os.close(slave)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *exc: object) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._master)

    def resize(self, columns: int, rows: int) -> None:
        """Change the size; the kernel tells the program with SIGWINCH."""
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, text: str) -> None:
        """Type; `\\r` is the Enter key, `\\x03` Ctrl-C."""
        os.write(self._master, text.encode())

    def expect(self, text: str, seconds: float = SECONDS) -> bytes:
        """Wait for `text` behind what was waited for before; return what came in front of it."""
        wanted = text.encode()
        deadline = time.monotonic() + seconds
        while (found := self.screen.find(wanted, self._read)) < 0:
            assert self._more(deadline), f"{text!r} does not come behind {self.screen[self._read :]!r}"
        before, self._read = self.screen[self._read : found], found + len(wanted)
        return before

    def wait(self, seconds: float = SECONDS) -> int:
        """Wait for the program's end; return its status."""
        deadline = time.monotonic() + seconds
        while self._more(deadline):
            pass
        return self.process.wait(max(0.1, deadline - time.monotonic()))

    def _more(self, deadline: float) -> bool:
        ready, _, _ = select.select([self._master], [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            return False
        try:
            data = os.read(self._master, 65536)
        except OSError:  # what Linux says when the last program has closed the terminal
            return False
        self.screen += data
        return bool(data)
