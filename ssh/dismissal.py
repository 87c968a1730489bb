"""Closing a connection for a reason that its client is told (RFC 4253 §11.1)."""

from __future__ import annotations

import asyncio

import asyncssh

from ..actors.refusals import Refused
from ..metrics.codes import Code

_LONGEST_FAREWELL = 2.0
_REASONS = {
    Code.ADDRESS_BANNED: asyncssh.DISC_HOST_NOT_ALLOWED_TO_CONNECT,
    Code.TOO_MANY_CONNECTIONS: asyncssh.DISC_TOO_MANY_CONNECTIONS,
    Code.TOO_MANY_FROM_ADDRESS: asyncssh.DISC_TOO_MANY_CONNECTIONS,
    Code.TOO_MANY_STARTUPS: asyncssh.DISC_TOO_MANY_CONNECTIONS,
    # As sshd has it.
    Code.TOO_MANY_AUTH_TRIES: asyncssh.DISC_PROTOCOL_ERROR,
}


def dismiss(connection: asyncssh.SSHServerConnection, refused: Refused) -> None:
    """Send the reason and close the connection. Loop only."""
    connection.disconnect(_REASONS.get(refused.code, asyncssh.DISC_BY_APPLICATION), refused.user)


def turn_away(connection: asyncssh.SSHServerConnection, refused: Refused) -> None:
    """Do the same to a client that has just connected, once it has said its version or after two seconds. Loop only.

    A socket that is closed before what came in was read is reset, and the client may never see the reason.
    """
    waiting = asyncio.get_running_loop().call_later(_LONGEST_FAREWELL, dismiss, connection, refused)

    def received(data: bytes, datatype: int | None = None) -> None:
        waiting.cancel()
        dismiss(connection, refused)

    connection.data_received = received  # type: ignore[method-assign]  # nothing that it says matters any more
