"""The held-open stdin of a control shell, on a socket of its own."""

from __future__ import annotations

import socket
import time

from .address import EngineAddress
from .control_shell import READY
from .errors import NotFound, TimedOut
from .hijack import Upgrade
from .translate import translate

_READ_SIZE = 4096
_MOST_SAID = 16 * 1024
_LONGEST_START = 5.0
_PATIENCE = 0.2
"""Seconds that a write may take. What a shell has not read by then are lines by the thousand: it reads no more."""


class SocketControl:
    """A hijacked connection to a control shell (`ControlInput`). Used by one thread at a time.

    `said` is what came together with the engine's answer. A user with root in the container may have stopped the shell,
    or put anything in its place: once it did not answer or read in time, nothing is asked of it any more.
    """

    def __init__(self, sock: socket.socket, operation: str, said: bytes = b"") -> None:
        self._sock = sock
        self._operation = operation
        self._said = bytearray(said)
        self._given_up = ""

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
        self._require_hope()
        deadline = time.monotonic() + min(timeout, _LONGEST_START)
        try:
            while READY.encode() not in self._said:
                self._sock.settimeout(_left(deadline))
                data = self._sock.recv(_READ_SIZE)
                if not data:
                    raise NotFound(self._operation, self._said.decode(errors="replace").strip() or "it ended at once")
                self._said += data
                if len(self._said) > _MOST_SAID:
                    raise self._give_up("something else answers in the control shell's place")
        except TimeoutError as failure:
            raise self._give_up("the control shell does not answer") from failure
        except OSError as failure:
            raise translate(self._operation, failure) from failure

    def send_line(self, line: str, *, timeout: float) -> None:
        """Write one line, or no line ever again: a torn one ends the control."""
        self._require_hope()
        unsent = memoryview(line.encode() + b"\n")
        deadline = time.monotonic() + min(timeout, _PATIENCE)
        try:
            while unsent:
                self._sock.settimeout(_left(deadline))
                unsent = unsent[self._sock.send(unsent) :]
        except TimeoutError as failure:
            raise self._give_up("the control shell does not read") from failure
        except OSError as failure:
            raise translate(self._operation, failure) from failure

    def close(self) -> None:
        self._sock.close()

    def _give_up(self, why: str) -> TimedOut:
        self._given_up = why
        return TimedOut(self._operation, why)

    def _require_hope(self) -> None:
        if self._given_up:
            raise TimedOut(self._operation, self._given_up)


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
