"""Text that is none: asyncssh ends the connection over it, where sshd takes it, or refuses what it stands for.

In packets whose text is only looked up, logged or ignored, bytes that cannot be decoded are replaced by their escapes
(`\\xe9`) before asyncssh sees them: such a name then is one that nobody and nothing has.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import asyncssh
from asyncssh.packet import PacketDecodeError, SSHPacket, String
from asyncssh.saslprep import SASLPrepError, saslprep

from ..config.text import printable

_DISCONNECT, _DEBUG, USERAUTH_REQUEST, _GLOBAL_REQUEST, _CHANNEL_OPEN, _CHANNEL_REQUEST = 1, 4, 50, 80, 90, 98
_LONGEST_NAME = 1000

# One letter for each field: `i` a number, `b` a flag, `s` bytes that stay, `a` ASCII, `u` UTF-8, `n` a user's name.
_BEGINNINGS = {
    _DISCONNECT: "iua",
    _DEBUG: "bua",
    USERAUTH_REQUEST: "nss",
    _GLOBAL_REQUEST: "ab",
    _CHANNEL_OPEN: "aiii",
}
_FORWARDS = {b"tcpip-forward": "ui", b"streamlocal-forward@openssh.com": "u"}
# What follows, by the last text of the beginning.
_ENDINGS = {
    b"keyboard-interactive": "au",
    **_FORWARDS,
    **{b"cancel-" + name: layout for name, layout in _FORWARDS.items()},
    b"direct-tcpip": "uiui",
    b"direct-streamlocal@openssh.com": "us",
}

Tame = Callable[[bytes], bytes]


def take_any_text(connection: asyncssh.SSHServerConnection) -> None:
    """Take whatever a client has in the texts of a connection's own packets. Loop only."""
    for number, beginning in _BEGINNINGS.items():
        tame_packets(connection, number, beginning, _TAME)
    _take_any_version(connection)


def take_any_request_name(channel: asyncssh.SSHServerChannel[bytes]) -> None:
    """Do the same for the names of a channel's requests. Loop only."""
    tame_packets(channel, _CHANNEL_REQUEST, "ab", _TAME)


def tame_packets(handler: Any, number: int, beginning: str, tame: Mapping[str, Tame]) -> None:
    """Let `handler` see packets of this number with their texts tamed. Loop only; other packets cost nothing."""
    process = handler._packet_handlers[number]

    def process_tamed(self: Any, pkttype: int, pktid: int, packet: SSHPacket) -> Any:
        return process(self, pkttype, pktid, tamed(packet, beginning, tame))

    # The class's own table is everybody's.
    handler._packet_handlers = {**handler._packet_handlers, number: process_tamed}


def tamed(packet: SSHPacket, beginning: str, tame: Mapping[str, Tame]) -> SSHPacket:
    """Return the packet, or another with other texts that has been read as far. What is no packet stays as it is."""
    rest = SSHPacket(packet.get_remaining_payload())
    fields: list[bytes] = []
    try:
        last = _fields(rest, beginning, tame, fields)
        _fields(rest, _ENDINGS.get(last, ""), tame, fields)
    except PacketDecodeError:
        return packet
    done = packet.get_consumed_payload()
    payload = b"".join((done, *fields, rest.get_remaining_payload()))
    if payload == packet.get_full_payload():
        return packet
    result = SSHPacket(payload)
    result.get_bytes(len(done))
    return result


def _fields(packet: SSHPacket, layout: str, tame: Mapping[str, Tame], fields: list[bytes]) -> bytes:
    last = b""
    for kind in layout:
        if kind in _SIZES:
            fields.append(packet.get_bytes(_SIZES[kind]))
        else:
            last = packet.get_string()
            fields.append(String(tame[kind](last)))
    return last


def _ascii(value: bytes) -> bytes:
    return value if value.isascii() else value.decode("ascii", "backslashreplace").encode()


def _utf8(value: bytes) -> bytes:
    return value.decode("utf-8", "backslashreplace").encode()


def _name(value: bytes) -> bytes:
    try:
        saslprep(value.decode())
    except (UnicodeDecodeError, SASLPrepError):
        text = printable(value.decode("utf-8", "backslashreplace"))
        return text.encode("ascii", "backslashreplace")[:_LONGEST_NAME]
    return value


def _same(value: bytes) -> bytes:
    return value


_SIZES = {"b": 1, "i": 4}
_TAME: Mapping[str, Tame] = {"a": _ascii, "u": _utf8, "n": _name, "s": _same}


def _take_any_version(connection: asyncssh.SSHServerConnection) -> None:
    """Receive the client's line as asyncssh does, whose one fault is to take it for ASCII: keys are exchanged over its
    bytes."""
    receive = connection._recv_version

    def receive_version() -> bool:
        try:
            return receive()
        except UnicodeDecodeError:
            version = connection._client_version.decode("ascii", "backslashreplace")
            connection.set_extra_info(client_version=version)
            connection._send_kexinit()
            connection._kexinit_sent = True
            connection._recv_handler = connection._recv_pkthdr
            return True

    connection._recv_version = receive_version  # type: ignore[method-assign]  # there is no hook
    connection._recv_handler = receive_version
