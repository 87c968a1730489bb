"""A TLS connection that can be half-closed, in the shape of a non-blocking socket.

`ssl.SSLSocket.shutdown` loses the output that is still to come and `unwrap` raises when it comes. With memory
buffers in between, close_notify goes out alone and reading goes on until the other side's.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Sequence
from typing import cast

_CIPHERTEXT_SIZE = 128 * 1024
BUFFER_SIZE = 2 * _CIPHERTEXT_SIZE
"""Bytes of buffer that `recv_into` needs, so that nothing decrypted stays behind where no loop would look."""
_WRITE_SIZE = 64 * 1024


class TlsSocket:
    """Owns `sock`, which is connected and non-blocking. All in one thread.

    As in OpenSSL, a `sendmsg` that raised BlockingIOError is repeated with the same bytes in front.
    """

    def __init__(self, sock: socket.socket, context: ssl.SSLContext, host: str) -> None:
        self._sock = sock
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host)
        self._unsent = b""
        self._accepted = 0
        self._finished = False

    async def handshake(self) -> None:
        """Raises ssl.SSLError or another OSError."""
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                await self._flush_all()
                await self._fetch()
            else:
                await self._flush_all()
                return

    async def send_all(self, data: bytes) -> None:
        """Send before the first `sendmsg`."""
        self._tls.write(data)
        await self._flush_all()

    async def receive(self) -> bytes:
        """Return what comes next, b"" at the end; before the first `recv_into`."""
        buffer = memoryview(bytearray(BUFFER_SIZE))
        while True:
            await self._fetch()
            with contextlib.suppress(BlockingIOError):
                return bytes(buffer[: self._decrypt(buffer)])

    def fileno(self) -> int:
        return self._sock.fileno()

    @property
    def family(self) -> int:
        return self._sock.family

    def getsockopt(self, level: int, name: int, size: int) -> bytes:
        """As of a socket."""
        return self._sock.getsockopt(level, name, size)

    def close(self) -> None:
        self._sock.close()

    def recv_into(self, buffer: memoryview) -> int:
        """As of a socket. An end without close_notify raises ssl.SSLError: see `is_end_of_connection`."""
        self._take(self._sock.recv(_CIPHERTEXT_SIZE))
        size = self._decrypt(buffer)
        with contextlib.suppress(BlockingIOError):
            self._flush()
        return size

    def sendmsg(self, pieces: Sequence[bytes | memoryview]) -> int:
        """As of a socket, but see above."""
        self._flush()
        if not self._accepted:
            self._accepted = self._encrypt(pieces)
            self._flush()
        accepted, self._accepted = self._accepted, 0
        return accepted

    def shutdown(self, how: int) -> None:
        """Send close_notify; `how` is SHUT_WR. Raises BlockingIOError until it is out."""
        if not self._finished:
            self._finished = True
            with contextlib.suppress(ssl.SSLWantReadError):
                self._tls.unwrap()
        self._flush()

    def _encrypt(self, pieces: Sequence[bytes | memoryview]) -> int:
        size = 0
        for piece in pieces:
            size += self._tls.write(piece)
            if size >= _WRITE_SIZE:
                break
        return size

    def _decrypt(self, buffer: memoryview) -> int:
        size = 0
        try:
            while True:
                # With a buffer it returns a size, which the stub does not know.
                part = cast(int, self._tls.read(len(buffer) - size, cast(bytearray, buffer[size:])))
                if not part:
                    break
                size += part
        except ssl.SSLWantReadError:
            if not size:
                raise BlockingIOError from None
            return size
        except ssl.SSLZeroReturnError:
            pass
        if size:
            # The end was in what was read: make the loop see the socket readable once more.
            self._sock.shutdown(socket.SHUT_RD)
        return size

    def _take(self, data: bytes) -> None:
        if data:
            self._incoming.write(data)
        else:
            self._incoming.write_eof()

    def _flush(self) -> None:
        self._unsent += self._outgoing.read()
        while self._unsent:
            self._unsent = self._unsent[self._sock.send(self._unsent) :]

    async def _flush_all(self) -> None:
        await asyncio.get_running_loop().sock_sendall(self._sock, self._outgoing.read())

    async def _fetch(self) -> None:
        self._take(await asyncio.get_running_loop().sock_recv(self._sock, _CIPHERTEXT_SIZE))
