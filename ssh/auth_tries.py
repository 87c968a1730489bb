"""How often a client may fail to log in on one connection: sshd's MaxAuthTries."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import asyncssh
from asyncssh.packet import SSHPacket

_USERAUTH_REQUEST = 50


class AuthTries:
    """Counts the failed tries of one connection until `stop`, of whatever method. Loop only.

    A try has failed when asyncssh answers so, an offered key that is not listed included, and when the client sent the
    next one without waiting for the answer. As in sshd a first request for the method `none`, which every client sends
    to learn the methods, is free, and so is an offer of a key that is listed.
    """

    def __init__(self, connection: asyncssh.SSHServerConnection, most: int, exceeded: Callable[[], None]) -> None:
        """`exceeded` is called once, in place of the answer to try number `most` (0: never); it should disconnect."""
        self._connection = connection
        self._most = most
        self._exceeded = exceeded
        self._requests = 0
        self._failures = 0
        self._unanswered = False
        self._free = False
        self._over = False
        self._process = connection.process_packet
        self._fail = connection.send_userauth_failure
        connection.process_packet = self._received  # type: ignore[method-assign]  # there is no hook
        connection.send_userauth_failure = self._failed  # type: ignore[method-assign]  # there is no hook

    def key_accepted(self) -> None:
        """The key that the client offers or uses is listed: what follows is no failure, but for a bad signature."""
        self._unanswered = False

    def stop(self) -> None:
        """Stop counting: the client has logged in."""
        self._connection.process_packet = self._process  # type: ignore[method-assign]  # what it was
        self._connection.send_userauth_failure = self._fail  # type: ignore[method-assign]  # what it was

    def _received(self, pkttype: int, pktid: int, packet: SSHPacket) -> bool | Awaitable[None]:
        if pkttype == _USERAUTH_REQUEST:
            self._requests += 1
            if self._unanswered:
                self._count()
            self._free = self._requests == 1 and _method(packet) == b"none"
            self._unanswered = not self._free
        # What came in one read with the request that was one too many is not looked at.
        return True if self._over else self._process(pkttype, pktid, packet)

    def _failed(self, partial_success: bool) -> None:
        self._unanswered = False
        if not self._free:
            self._count()
        if not self._over:
            self._fail(partial_success)

    def _count(self) -> None:
        self._failures += 1
        if self._failures == self._most:
            self._over = True
            self._exceeded()


def _method(packet: SSHPacket) -> bytes:
    """The method of a request (RFC 4252 §5), which stays as it is."""
    copy = SSHPacket(packet.get_remaining_payload())
    copy.get_string()
    copy.get_string()
    return copy.get_string()
