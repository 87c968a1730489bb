"""No empty packet in front of each packet, where the cipher has no use for it."""

from __future__ import annotations

from typing import Any

import asyncssh
from asyncssh.constants import MSG_IGNORE

_CHAINED = "-cbc"


def drop_needless_ignores(connection: asyncssh.SSHServerConnection) -> None:
    """Have asyncssh send no `SSH_MSG_IGNORE` unless the cipher chains its blocks. Loop only, before anything is sent.

    It puts one in front of every packet, against guesses at a CBC cipher's next initialization vector (RFC 4251
    §9.3.1). With any other that doubles the packets to encrypt here and to decrypt at the client, for nothing.
    """
    send = connection.send_packet

    def send_packet(pkttype: int, *args: bytes, **more: Any) -> None:
        if pkttype != MSG_IGNORE or str(connection.get_extra_info("send_cipher")).endswith(_CHAINED):
            send(pkttype, *args, **more)

    connection.send_packet = send_packet  # type: ignore[method-assign]  # there is no option
