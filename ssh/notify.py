"""What the service manager is told (sd_notify(3))."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import MutableMapping

import structlog

_log = structlog.get_logger(__name__)


class Notifier:
    """Sends to the manager's socket; does nothing without one. Never blocks and never raises."""

    def __init__(self, address: str) -> None:
        """`address` is a path, or an abstract name behind `@`; empty: there is no manager."""
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) if address else None
        if self._socket:
            self._socket.setblocking(False)
        self._status = ""

    @classmethod
    def taken_from(cls, environment: MutableMapping[str, str]) -> Notifier:
        """Take the address out of the environment: children have nothing to tell the manager."""
        return cls(environment.pop("NOTIFY_SOCKET", ""))

    @property
    def is_heard(self) -> bool:
        """Whether there is a manager."""
        return self._socket is not None

    def ready(self) -> None:
        """The start, or a reload, is over."""
        self._send("READY=1")

    def reloading(self) -> None:
        """The configuration is being read again; `ready` follows."""
        self._send(f"RELOADING=1\nMONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}")

    def stopping(self) -> None:
        """The end has begun."""
        self._send("STOPPING=1")

    def alive(self) -> None:
        """Feed the watchdog."""
        self._send("WATCHDOG=1")

    def status(self, sentence: str) -> None:
        """Say in one line what the service is at. The same again is not sent."""
        if sentence != self._status:
            self._status = sentence
            self._send(f"STATUS={sentence}")

    def close(self) -> None:
        """Say nothing more."""
        if self._socket:
            self._socket.close()
            self._socket = None

    def _send(self, text: str) -> None:
        if self._socket:
            try:
                self._socket.sendto(text.encode(), self._address)
            except OSError as error:
                _log.warning("notify_failed", notice=text.partition("\n")[0], cause=os.strerror(error.errno or 0))
