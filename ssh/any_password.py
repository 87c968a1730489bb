"""Passwords as they were sent: asyncssh takes UTF-8 only, and changes that (RFC 4013) before anybody compares it.

A hash is one of bytes. sshd compares it with those that came, so `x²` is not `x2` there, and neither is it here.
"""

from __future__ import annotations

import secrets
from typing import Any

import asyncssh
from asyncssh.auth import MSG_USERAUTH_INFO_RESPONSE
from asyncssh.packet import PacketDecodeError, SSHPacket, String
from asyncssh.saslprep import SASLPrepError, saslprep

from .any_text import USERAUTH_REQUEST


class PasswordsAsSent:
    """Gives asyncssh a stand-in for each password that it would refuse or change, and the password for the stand-in.

    Loop only. A client cannot know what stand-ins look like.
    """

    def __init__(self, connection: asyncssh.SSHServerConnection) -> None:
        self._connection = connection
        self._sign = secrets.token_hex(8)
        self._challenge = connection.get_kbdint_challenge
        self._requests = connection._packet_handlers[USERAUTH_REQUEST]
        connection._packet_handlers = {**connection._packet_handlers, USERAUTH_REQUEST: self._request}
        connection.get_kbdint_challenge = self._challenged  # type: ignore[method-assign]  # there is no hook

    def sent(self, password: str) -> str:
        """Return what the client sent for what asyncssh has; bytes that are no text are lone surrogates (PEP 383)."""
        if not password.startswith(self._sign):
            return password
        return bytes.fromhex(password.removeprefix(self._sign)).decode("utf-8", "surrogateescape")

    def _request(self, connection: Any, pkttype: int, pktid: int, packet: SSHPacket) -> Any:
        rest = SSHPacket(packet.get_remaining_payload())
        try:
            beginning = [rest.get_string() for _ in range(3)]
            if beginning[2] == b"password":
                changes = rest.get_bytes(1)
                packet = _with(packet, *map(String, beginning), changes, *self._stand_ins(rest))
        except PacketDecodeError:
            pass  # asyncssh has its own words for it
        return self._requests(connection, pkttype, pktid, packet)

    async def _challenged(self, username: str, lang: str, submethods: str) -> Any:
        method: Any = self._connection._auth
        if method is not None:
            answered = method._packet_handlers[MSG_USERAUTH_INFO_RESPONSE]

            def answer(self_: Any, pkttype: int, pktid: int, packet: SSHPacket) -> Any:
                return answered(self_, pkttype, pktid, self._answer(packet))

            method._packet_handlers = {**method._packet_handlers, MSG_USERAUTH_INFO_RESPONSE: answer}
        return await self._challenge(username, lang, submethods)

    def _answer(self, packet: SSHPacket) -> SSHPacket:
        rest = SSHPacket(packet.get_remaining_payload())
        try:
            number = rest.get_bytes(4)
            return _with(packet, number, *self._stand_ins(rest))
        except PacketDecodeError:
            return packet

    def _stand_ins(self, packet: SSHPacket) -> list[bytes]:
        result = []
        while packet:
            result.append(String(self._stand_in(packet.get_string())))
        return result

    def _stand_in(self, password: bytes) -> bytes:
        try:
            text = password.decode()
            if saslprep(text) == text:
                return password
        except (UnicodeDecodeError, SASLPrepError):
            pass
        return f"{self._sign}{password.hex()}".encode()


def _with(packet: SSHPacket, *fields: bytes) -> SSHPacket:
    done = packet.get_consumed_payload()
    result = SSHPacket(b"".join((done, *fields)))
    result.get_bytes(len(done))
    return result
