"""Closing a connection for a reason that its client is told (RFC 4253 §11.1)."""

from __future__ import annotations

import asyncssh

from ..actors.refusals import Refused
from ..metrics.codes import Code

_REASONS = {
    Code.ADDRESS_BANNED: asyncssh.DISC_HOST_NOT_ALLOWED_TO_CONNECT,
    Code.TOO_MANY_CONNECTIONS: asyncssh.DISC_TOO_MANY_CONNECTIONS,
    Code.TOO_MANY_FROM_ADDRESS: asyncssh.DISC_TOO_MANY_CONNECTIONS,
    Code.TOO_MANY_STARTUPS: asyncssh.DISC_TOO_MANY_CONNECTIONS,
    # As sshd has it.
    Code.TOO_MANY_AUTH_TRIES: asyncssh.DISC_PROTOCOL_ERROR,
}


def reason_of(code: Code | None) -> int:
    """Return the protocol's number for it."""
    return _REASONS.get(code, asyncssh.DISC_BY_APPLICATION) if code else asyncssh.DISC_BY_APPLICATION


def dismiss(connection: asyncssh.SSHServerConnection, refused: Refused) -> None:
    """Send the reason and close the connection. Loop only."""
    connection.disconnect(reason_of(refused.code), refused.user)
