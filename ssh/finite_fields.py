"""Key exchanges over finite fields (RFC 4253 §8, RFC 4419): of 2,048 bits or more, and not in the loop.

One of 8,192 bits takes the processor for tens of milliseconds, during which Python runs nothing else, in no thread: a
process of its own does it, one after the other.
"""

from __future__ import annotations

import asyncio
import sys
import weakref
from collections.abc import Awaitable
from pathlib import Path
from typing import Any

import asyncssh
import structlog
from asyncssh.kex_dh import _KexDH, _KexDHGex
from asyncssh.packet import MPInt, SSHPacket, UInt32

LEAST_BITS = 2048
MOST_WAITING = 16
"""Exchanges that may wait for the one before them; further clients are disconnected."""
_LONGEST = 10.0
_KEXINIT = 20
_OLD_REQUEST, _REQUEST = 30, 34
_WORKER = Path(__file__).with_name("finite_field_worker.py")

_log = structlog.get_logger(__name__)


class Worker:
    """Computes for one loop. Loop only."""

    def __init__(self) -> None:
        self._waiting = 0
        self._free = asyncio.Lock()

    async def compute(self, generator: int, prime: int, theirs: int) -> tuple[int, int]:
        """Return a new public number and the secret that is shared with the owner of `theirs`."""
        if self._waiting > MOST_WAITING:
            raise asyncssh.KeyExchangeFailed("Too many key exchanges at once")
        self._waiting += 1
        try:
            async with self._free, asyncio.timeout(_LONGEST):
                return await _computed(f"{generator:x} {prime:x} {theirs:x}")
        except (OSError, ValueError) as error:
            _log.error("key_exchange_failed", cause=str(error))
            raise asyncssh.KeyExchangeFailed("The key exchange could not be computed") from None
        finally:
            self._waiting -= 1


_WORKERS: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Worker] = weakref.WeakKeyDictionary()


def guard_finite_fields(connection: asyncssh.SSHServerConnection) -> None:
    """Have this connection's exchanges over finite fields computed elsewhere, over no small group. Loop only."""
    process = connection.process_packet

    def processed(pkttype: int, pktid: int, packet: SSHPacket) -> bool | Awaitable[None]:
        processing = process(pkttype, pktid, packet)
        if pkttype == _KEXINIT and not isinstance(processing, bool):
            return guarded(processing)
        return processing

    async def guarded(processing: Awaitable[None]) -> None:
        await processing
        if isinstance(connection._kex, _KexDH | _KexDHGex):
            _FiniteField(connection, connection._kex)

    connection.process_packet = processed  # type: ignore[method-assign]  # there is no hook


class _FiniteField:
    """Stands in front of one exchange."""

    def __init__(self, connection: asyncssh.SSHServerConnection, kex: _KexDH | _KexDHGex) -> None:
        self._connection = connection
        self._kex = kex
        self._process = kex.process_packet
        kex.process_packet = self._received  # type: ignore[method-assign]  # there is no hook

    def _received(self, pkttype: int, pktid: int, packet: SSHPacket) -> bool | Awaitable[None]:
        if pkttype == self._kex._init_type:
            theirs = SSHPacket(packet.get_remaining_payload()).get_mpint()
            if self._kex._p and not 1 < theirs < self._kex._p - 1:
                raise asyncssh.ProtocolError("Kex DH e out of range")
            return self._computed(theirs, pkttype, pktid, packet)
        if isinstance(self._kex, _KexDHGex) and pkttype in (_OLD_REQUEST, _REQUEST):
            return self._request(self._kex, pkttype, pktid, packet)
        return self._process(pkttype, pktid, packet)

    async def _computed(self, theirs: int, pkttype: int, pktid: int, packet: SSHPacket) -> None:
        kex: Any = self._kex
        if kex._p:
            kex._f, shared = await _worker().compute(kex._g, kex._p, theirs)
            kex._compute_server_shared = lambda: MPInt(shared)
        if self._connection._transport:
            self._process(pkttype, pktid, packet)

    def _request(self, kex: _KexDHGex, pkttype: int, pktid: int, packet: SSHPacket) -> bool | Awaitable[None]:
        """Take no smaller group than sshd does, whatever the client would take; the hash is over what it said."""
        said = packet.get_remaining_payload()
        sizes = [int.from_bytes(said[at : at + 4], "big") for at in range(0, len(said), 4)]
        if len(sizes) == 3:
            least, preferred, most = sizes
            if not least <= preferred <= most or most < LEAST_BITS:
                raise asyncssh.KeyExchangeFailed(f"No group of at least {LEAST_BITS} bits was asked for")
        changed = b"".join(UInt32(max(LEAST_BITS, size)) for size in sizes)
        asked = SSHPacket(bytes([pkttype]) + changed)
        asked.get_byte()
        processing = self._process(pkttype, pktid, asked)
        kex._gex_data = said + kex._gex_data[len(changed) :]
        return processing


def _worker() -> Worker:
    loop = asyncio.get_running_loop()
    if loop not in _WORKERS:
        _WORKERS[loop] = Worker()
    return _WORKERS[loop]


async def _computed(question: str) -> tuple[int, int]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", str(_WORKER)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        said, _ = await process.communicate(question.encode())
    except asyncio.CancelledError:
        process.kill()
        raise
    public, shared = (int(word, 16) for word in said.split())
    return public, shared
