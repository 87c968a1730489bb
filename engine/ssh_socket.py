"""A connection to an engine through `ssh HOST docker system dial-stdio`, in the shape of a socket.

As Docker's client does it: the machine's own ssh, with the configuration, keys, known hosts and agent of this process's
user, and Docker's client on the other side. Its stdin and stdout are one end of a socket pair; ours is the other,
so that calls, streams and half-closes go on it as on a unix socket.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import subprocess
import tempfile
import threading
from collections.abc import Sequence
from typing import IO, Any
from urllib.parse import SplitResult

_CONNECT_SECONDS = 30
_END_SECONDS = 0.25
_LINGER_SECONDS = 2.0
_DENIED = ("permission denied", "host key verification failed", "too many authentication failures")
_COMPLAINT_SIZE = 2_000


def ssh_command(url: SplitResult) -> tuple[str, ...]:
    """Return the command for `ssh://[USER@]HOST[:PORT][/SOCKET]`. Raises ValueError for a bad port."""
    command = ["ssh", "-T", "-o", "BatchMode=yes", "-o", f"ConnectTimeout={_CONNECT_SECONDS}"]
    if url.username:
        command += ["-l", url.username]
    if url.port:
        command += ["-p", str(url.port)]
    path = url.path.rstrip("/")
    remote = ["docker", *([f"--host=unix://{path}"] if path else []), "system", "dial-stdio"]
    return (*command, "--", str(url.hostname), *remote)


class SshSocket(socket.socket):
    """Owns the ssh process that it starts. The read that finds the end raises what ssh complained of, if it failed."""

    def __init__(self, command: Sequence[str]) -> None:
        """Start ssh; nothing is waited for. Raises OSError when there is no ssh."""
        self._complaint = tempfile.TemporaryFile()  # noqa: SIM115  # closed with the socket
        ours, theirs = socket.socketpair()
        with ours, theirs:
            self._process = _start(command, theirs.fileno(), self._complaint)
            super().__init__(fileno=ours.detach())

    def recv(self, size: int, flags: int = 0, /) -> bytes:
        """As of a socket; besides raises PermissionError or ConnectionAbortedError."""
        data = super().recv(size, flags)
        if not data and size:
            self._check_end()
        return data

    def recv_into(self, buffer: Any, size: int = 0, flags: int = 0, /) -> int:
        """As of a socket; besides raises PermissionError or ConnectionAbortedError."""
        received = super().recv_into(buffer, size, flags)
        if not received:
            self._check_end()
        return received

    def close(self) -> None:
        """Close it and let ssh end in the background."""
        super().close()
        # Not closed yet while a file made of it is open.
        if self.fileno() == -1 and not self._complaint.closed:
            self._complaint.close()
            if self._process.poll() is None:
                threading.Thread(target=_see_out, args=(self._process,), daemon=True).start()

    def _check_end(self) -> None:
        # ssh ends as soon as its output has: the status is a matter of milliseconds.
        with contextlib.suppress(subprocess.TimeoutExpired):
            status = self._process.wait(_END_SECONDS)
            if status:
                raise self._failure(status)

    def _failure(self, status: int) -> OSError:
        said = os.pread(self._complaint.fileno(), _COMPLAINT_SIZE, 0).decode("utf-8", "replace").strip()
        last = said.splitlines()[-1].removeprefix("ssh: ") if said else f"it ended with status {status}"
        if any(word in last.lower() for word in _DENIED):
            return PermissionError(errno.EACCES, f"ssh: {last}")
        return ConnectionAbortedError(errno.ECONNABORTED, f"ssh: {last}")


def _start(command: Sequence[str], stdio: int, complaint: IO[bytes]) -> subprocess.Popen[bytes]:
    try:
        # A session of its own: Ctrl-C is for the gateway, which ends its connections in order.
        return subprocess.Popen(command, stdin=stdio, stdout=stdio, stderr=complaint, start_new_session=True)
    except FileNotFoundError:
        raise FileNotFoundError(errno.ENOENT, "ssh is not installed") from None


def _see_out(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(_LINGER_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
