"""What is asked out of place is answered or passed over, as sshd does it; asyncssh ends the connection over it.

A packet that is cut short still ends it, as there.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import asyncssh
from asyncssh.constants import (
    MSG_CHANNEL_DATA,
    MSG_CHANNEL_EOF,
    MSG_CHANNEL_EXTENDED_DATA,
    MSG_CHANNEL_FAILURE,
    MSG_CHANNEL_OPEN,
    MSG_CHANNEL_REQUEST,
    MSG_CHANNEL_SUCCESS,
    MSG_DEBUG,
    MSG_GLOBAL_REQUEST,
    MSG_REQUEST_FAILURE,
    MSG_REQUEST_SUCCESS,
    MSG_USERAUTH_REQUEST,
)
from asyncssh.packet import PacketDecodeError, SSHPacket

from ..actors.refusals import RefusedError

_INPUT = frozenset({MSG_CHANNEL_DATA, MSG_CHANNEL_EXTENDED_DATA, MSG_CHANNEL_EOF})
_UNKNOWN = "unknown"
"""A request that asyncssh has no handler for."""
_MOST_EXCEEDED = 10
"""Packets of the largest size by which a client may exceed a window: that much is passed over."""


def tolerate_questions(connection: asyncssh.SSHServerConnection) -> None:
    """Have this connection, whose client has logged in, go on behind what cannot be understood. Loop only."""
    process = connection.process_packet
    serve = connection._service_next_global_request

    def processed(pkttype: int, pktid: int, packet: SSHPacket) -> bool | Awaitable[None]:
        if pkttype in (MSG_REQUEST_SUCCESS, MSG_REQUEST_FAILURE) and not connection._global_request_waiters:
            return True
        if pkttype == MSG_USERAUTH_REQUEST and connection._auth_final:
            return False
        try:
            return process(pkttype, pktid, packet)
        except asyncssh.ProtocolError as error:
            if not _answer(connection, pkttype, SSHPacket(packet.get_full_payload()[1:]), error.reason):
                raise
            return True

    def served() -> None:
        queue = connection._global_request_queue
        request = queue[0]
        try:
            serve()
        except asyncssh.ProtocolError:
            if not queue or queue[0] is not request:
                raise
            connection._report_global_response(False)

    connection.process_packet = processed  # type: ignore[method-assign]  # there is no hook
    connection._service_next_global_request = served  # type: ignore[method-assign]  # there is no hook


def tolerate_requests(channel: asyncssh.SSHServerChannel[bytes], failed: Callable[[Exception], None]) -> None:
    """Have this channel do the same. `failed` is called with what a request raised that is no refusal. Loop only."""
    process = channel.process_packet
    serve = channel._service_next_request
    exceeded = 0

    def processed(pkttype: int, pktid: int, packet: SSHPacket) -> bool | Awaitable[None]:
        out_of_place = pkttype in _INPUT and channel._recv_state != "open"
        if out_of_place or channel._recv_state not in {"open", "eof_pending", "eof"}:
            return True
        if pkttype in (MSG_CHANNEL_SUCCESS, MSG_CHANNEL_FAILURE) and not channel._request_waiters:
            return True
        if pkttype == MSG_CHANNEL_EXTENDED_DATA or (pkttype == MSG_CHANNEL_DATA and is_too_much(packet)):
            return True
        if pkttype == MSG_CHANNEL_REQUEST and not _is_ascii(packet):
            return refuse(packet)
        return process(pkttype, pktid, packet)

    def is_too_much(packet: SSHPacket) -> bool:
        nonlocal exceeded
        more = len(packet.get_remaining_payload()) - 4 - channel._recv_window
        if more <= 0:
            return False
        exceeded += more
        return exceeded <= _MOST_EXCEEDED * channel._recv_pktsize

    def refuse(packet: SSHPacket) -> bool:
        packet.get_string()
        channel._request_queue.append((_UNKNOWN, packet, packet.get_boolean()))
        if len(channel._request_queue) == 1:
            channel._service_next_request()
        return True

    def served() -> None:
        queue = channel._request_queue
        request = queue[0]
        try:
            serve()
        except PacketDecodeError:
            raise
        except Exception as error:
            if not queue or queue[0] is not request:
                raise
            if not isinstance(error, RefusedError | asyncssh.ProtocolError):
                failed(error)
            channel._report_response(False)

    channel.process_packet = processed  # type: ignore[method-assign]  # there is no hook
    channel._service_next_request = served  # type: ignore[method-assign]  # there is no hook


def _answer(connection: asyncssh.SSHServerConnection, pkttype: int, packet: SSHPacket, reason: str) -> bool:
    """Answer what could not be understood, if that is possible."""
    if pkttype == MSG_CHANNEL_OPEN:
        packet.get_string()
        connection.send_channel_open_failure(packet.get_uint32(), asyncssh.OPEN_CONNECT_FAILED, reason, "")
    elif pkttype == MSG_GLOBAL_REQUEST:
        packet.get_string()
        # Nobody knows it; it is answered behind those before it.
        connection._global_request_queue.append((None, packet, packet.get_boolean()))
        if len(connection._global_request_queue) == 1:
            connection._service_next_global_request()
    return pkttype in (MSG_CHANNEL_OPEN, MSG_GLOBAL_REQUEST, MSG_DEBUG)


def _is_ascii(packet: SSHPacket) -> bool:
    return SSHPacket(packet.get_remaining_payload()).get_string().isascii()
