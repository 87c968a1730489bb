"""A client that is logged in and sends any packet, whatever its state; and what came back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from asyncssh.constants import (
    MSG_CHANNEL_OPEN,
    MSG_CHANNEL_OPEN_CONFIRMATION,
    MSG_CHANNEL_REQUEST,
    MSG_GLOBAL_REQUEST,
    MSG_REQUEST_FAILURE,
    MSG_REQUEST_SUCCESS,
)
from asyncssh.packet import Boolean, SSHPacket, String, UInt32

SECONDS = 10.0
_OWN = 4711
"""The client's number of its one channel."""
_ANSWERS = frozenset({MSG_REQUEST_SUCCESS, MSG_REQUEST_FAILURE, 3, 91, 92, 99, 100})


class Wire:
    """One connection of asyncssh's client that has no say any more."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self.packets: list[tuple[int, bytes]] = []
        """What came, types and payloads."""
        self.channel = -1
        """The server's number of the channel."""
        self.window = 0
        """What the server granted at first."""
        self._asked = 0
        self._came = asyncio.Event()
        connection.process_packet = self.process_packet
        connection._channels[_OWN] = self

    def send(self, pkttype: int, *arguments: bytes) -> None:
        self._asked += pkttype == MSG_GLOBAL_REQUEST
        if self.connection._transport:
            self.connection.send_packet(pkttype, *arguments)

    def request(self, name: bytes | str, *arguments: bytes) -> None:
        """Ask something of the channel (RFC 4254 §5.4), with a reply."""
        self.send(MSG_CHANNEL_REQUEST, UInt32(self.channel), String(name), Boolean(True), *arguments)

    async def open(self, *, window: int = 2**21, largest: int = 32768) -> None:
        """Open the channel."""
        numbers = (UInt32(_OWN), UInt32(window), UInt32(largest))
        self.send(MSG_CHANNEL_OPEN, String("session"), *numbers)
        payload = await self.until(MSG_CHANNEL_OPEN_CONFIRMATION)
        self.channel = int.from_bytes(payload[5:9], "big")
        self.window = int.from_bytes(payload[9:13], "big")

    async def until(self, pkttype: int) -> bytes:
        """Return the payload of the first packet of this type."""
        async with asyncio.timeout(SECONDS):
            while True:
                for came, payload in self.packets:
                    if came == pkttype:
                        return payload
                self._came.clear()
                await self._came.wait()

    async def fate(self) -> tuple[bool, list[int]]:
        """Return whether the connection lives, and the types of the answers up to here."""
        self.send(MSG_GLOBAL_REQUEST, String("nobody-knows"), Boolean(True))
        closed = asyncio.ensure_future(self.connection.wait_closed())
        async with asyncio.timeout(SECONDS):
            while self.connection._transport and self._global_answers < self._asked:
                self._came.clear()
                came = asyncio.ensure_future(self._came.wait())
                await asyncio.wait((came, closed), return_when=asyncio.FIRST_COMPLETED)
                came.cancel()
        closed.cancel()
        return self.connection._transport is not None, self.answers

    @property
    def answers(self) -> list[int]:
        return [pkttype for pkttype, _ in self.packets if pkttype in _ANSWERS]

    @property
    def _global_answers(self) -> int:
        return sum(pkttype in (MSG_REQUEST_SUCCESS, MSG_REQUEST_FAILURE) for pkttype in self.answers)

    # asyncssh's packet handler
    def log_received_packet(self, *_: object) -> None:
        pass

    def process_packet(self, pkttype: int, _pktid: int, packet: SSHPacket) -> bool:
        self.packets.append((pkttype, packet.get_full_payload()))
        self._came.set()
        return True

    def process_connection_close(self, _exc: object) -> None:
        self._came.set()


@asynccontextmanager
async def wire(connecting: Any) -> AsyncIterator[Wire]:
    async with connecting as connection:
        wired = Wire(connection)
        yield wired
        connection._channels.clear()
        connection.abort()
