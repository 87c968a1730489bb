"""The held-open stdin of a control shell, on a socket of its own."""

from __future__ import annotations

import socket
import time

from .address import EngineAddress
from .control_shell import READY
from .errors import NotFound
from .hijack import Upgrade
from .translate import translate

_READ_SIZE = 4096


class SocketControl:
    """A hijacked connection to a control shell (`ControlInput`). Used by one thread at a time.

    `said` is what came together with the engine's answer.
    """

    def __init__(self, sock: socket.socket, operation: str, said: bytes = b"") -> None:
        self._sock = sock
        self._operation = operation
        self._said = bytearray(said)
        self._unsent = bytearray()

    @classmethod
    def open(cls, address: EngineAddress, target: str, body: bytes, operation: str, timeout: float) -> SocketControl:
        """Send the upgrade and wait for the switch, `timeout` seconds in all. Raises EngineError."""
        deadline = time.monotonic() + timeout
        try:
            sock = address.connect_blocking(timeout)
            try:
                said = _switch(sock, Upgrade(target, body, address.host_header, operation), deadline)
            except BaseException:
                sock.close()
                raise
        except Exception as failure:
            raise translate(operation, failure) from failure
        return cls(sock, operation, said)

    def await_ready(self, *, timeout: float) -> None:
        """Read until the shell says so, or says something else and ends."""
        deadline = time.monotonic() + timeout
        try:
            while READY.encode() not in self._said:
                self._sock.settimeout(_left(deadline))
                data = self._sock.recv(_READ_SIZE)
                if not data:
                    raise NotFound(self._operation, self._said.decode(errors="replace").strip() or "it ended at once")
                self._said += data
        except OSError as failure:
            raise translate(self._operation, failure) from failure

    def send_line(self, line: str, *, timeout: float) -> None:
        """Write one line. What a timed out call left unsent goes first in the next: no line is torn."""
        self._unsent += line.encode() + b"\n"
        deadline = time.monotonic() + timeout
        try:
            while self._unsent:
                self._sock.settimeout(_left(deadline))
                del self._unsent[: self._sock.send(self._unsent)]
        except OSError as failure:
            raise translate(self._operation, failure) from failure

    def close(self) -> None:
        self._sock.close()


def _switch(sock: socket.socket, upgrade: Upgrade, deadline: float) -> bytes:
    """Return what came behind the answer."""
    sock.sendall(upgrade.request)
    while True:
        sock.settimeout(_left(deadline))
        data = sock.recv(_READ_SIZE)
        if not data:
            raise upgrade.eof()
        rest = upgrade.receive(data)
        if rest is not None:
            return rest


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left
