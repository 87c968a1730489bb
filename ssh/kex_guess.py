"""A client's guess of the key exchange (RFC 4253 §7), as Dropbear's client makes one."""

from __future__ import annotations

from collections.abc import Awaitable

import asyncssh
from asyncssh.packet import SSHPacket

_KEXINIT = 20
_COOKIE = 16
_LISTS_BEHIND = 8


def judge_guesses(connection: asyncssh.SSHServerConnection) -> None:
    """Have this connection judge its client's guesses as RFC 4253 §7 does. Loop only.

    A client may send the first packet of the exchange that it expects along with its KEXINIT. The guess is wrong, and
    the packet to be ignored, unless both sides prefer the same exchange and the same kind of host key. asyncssh looks
    only whether the client's first exchange is the one that is chosen: it takes the packet that Dropbear's client
    knows to be ignored, and ends the connection over the one that comes in its place.
    """
    process = connection.process_packet

    def processed(pkttype: int, pktid: int, packet: SSHPacket) -> bool | Awaitable[None]:
        processing = process(pkttype, pktid, packet)
        if pkttype == _KEXINIT and not isinstance(processing, bool):
            return judged(processing, packet.get_full_payload())
        return processing

    async def judged(processing: Awaitable[None], clients: bytes) -> None:
        await processing
        preferred, guessed = _preferences(clients)
        if guessed:
            connection._ignore_first_kex = preferred != _preferences(connection._server_kexinit)[0]

    connection.process_packet = processed  # type: ignore[method-assign]  # for this one connection


def _preferences(kexinit: bytes) -> tuple[list[bytes], bool]:
    """Return the first exchange and the first kind of host key of a KEXINIT, and whether a guess follows it."""
    packet = SSHPacket(kexinit)
    packet.get_byte()
    packet.get_bytes(_COOKIE)
    preferred = [packet.get_namelist()[0] for _ in range(2)]
    for _ in range(_LISTS_BEHIND):
        packet.get_namelist()
    return preferred, packet.get_boolean()
