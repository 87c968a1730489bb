"""What systemd is to a service: it opens the listening socket, and hears what the service says."""

from __future__ import annotations

import re
import secrets
import socket
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from .server import EVENT_SECONDS

_LAUNCH = """\
import fcntl, os, sys
numbers = [fcntl.fcntl(int(number), fcntl.F_DUPFD_CLOEXEC, 100) for number in sys.argv[1].split(",")]
for place, number in enumerate(numbers, 3):
    os.dup2(number, place)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(numbers)), LISTEN_FDNAMES="ssh")
os.execvp(sys.argv[2], sys.argv[2:])
"""
_BACKLOG = 4096


def activating(sockets: Sequence[socket.socket]) -> dict[str, object]:
    """The arguments of a `Server` that gets these sockets as sd_listen_fds(3) says."""
    numbers = [sock.fileno() for sock in sockets]
    joined = ",".join(map(str, numbers))
    return {"wrapper": [sys.executable, "-I", "-S", "-c", _LAUNCH, joined], "pass_fds": numbers}


@contextmanager
def listening(family: socket.AddressFamily = socket.AF_INET) -> Iterator[socket.socket]:
    """A socket that listens on a free port of loopback."""
    with socket.socket(family) as sock:
        sock.bind(("127.0.0.1" if family == socket.AF_INET else "::1", 0))
        sock.listen(_BACKLOG)
        yield sock


class Manager:
    """The manager's end of NOTIFY_SOCKET. `environment` is for the service."""

    def __init__(self, address: str) -> None:
        """`address` is a path, or an abstract name behind `@`."""
        self.said: list[str] = []
        """Every assignment so far, in order."""
        self.environment = {"NOTIFY_SOCKET": address}
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(f"\0{address[1:]}" if address.startswith("@") else address)

    def expect(self, pattern: str, since: int = 0, seconds: float = EVENT_SECONDS) -> int:
        """Wait for an assignment that matches; return its place in `said`."""
        deadline = time.monotonic() + seconds
        while True:
            for place, line in enumerate(self.said[since:], since):
                if re.fullmatch(pattern, line):
                    return place
            left = deadline - time.monotonic()
            assert left > 0, f"no {pattern!r} within {seconds:g} s: {self.said[since:]}"
            self._hear(left)

    def hear_out(self, seconds: float) -> list[str]:
        """Return what is said from now on for so many seconds."""
        begin, deadline = len(self.said), time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            self._hear(left)
        return self.said[begin:]

    def close(self) -> None:
        self._socket.close()

    def _hear(self, seconds: float) -> None:
        self._socket.settimeout(seconds)
        try:
            self.said += self._socket.recv(4096).decode().splitlines()
        except TimeoutError:
            return


@contextmanager
def manager(folder: Path | None = None) -> Iterator[Manager]:
    """A manager with a socket in the folder, or an abstract one."""
    address = f"{folder}/notify" if folder else f"@sshore-{secrets.token_hex(8)}"
    with closing(Manager(address)) as heard:
        yield heard
