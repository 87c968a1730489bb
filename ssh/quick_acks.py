"""Acknowledging at once what a client sends while he logs in."""

from __future__ import annotations

import contextlib
import socket

import asyncssh

_QUICKACK = getattr(socket, "TCP_QUICKACK", None)
"""Linux only."""


class QuickAcks:
    """Turns delayed acknowledgements off until `stop`, for one connection. Loop only.

    OpenSSH's client sends its NEWKEYS and, in a packet of its own, its next request. Nagle's algorithm holds that
    back until the first is acknowledged, which the kernel delays by 40 ms (RFC 9293 §3.8.6.3). The option is not
    sticky (tcp(7), TCP_QUICKACK), so it is set behind every read: asyncio's protocol interface, on this one connection.
    """

    def __init__(self, connection: asyncssh.SSHServerConnection) -> None:
        self._connection = connection
        self._socket = connection.get_extra_info("socket")
        self._receive = connection.data_received
        self._on = _QUICKACK is not None and _is_tcp(self._socket)
        if self._on:
            connection.data_received = self._received  # type: ignore[method-assign]  # see the class's docstring

    def stop(self) -> None:
        """Leave acknowledging to the kernel: the client does not wait for it any more. Idempotent."""
        if self._on:
            self._on = False
            self._connection.data_received = self._receive  # type: ignore[method-assign]  # what it was

    def _received(self, data: bytes, datatype: int | None = None) -> None:
        self._receive(data, datatype)
        # The answer may have closed the socket.
        with contextlib.suppress(OSError):
            self._socket.setsockopt(socket.IPPROTO_TCP, _QUICKACK, 1)


def _is_tcp(connection_socket: socket.socket | None) -> bool:
    return connection_socket is not None and connection_socket.family in (socket.AF_INET, socket.AF_INET6)
