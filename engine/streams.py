"""Program streams of a real engine, on connections that the asyncio loop opens itself."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from urllib.parse import quote

from .address import EngineAddress, tune_tcp, unreachable
from .errors import TimedOut
from .hijack import Upgrade, detach_keys
from .interface import ProgramReceiver, ProgramStream
from .socket_stream import SocketStream
from .stdin_writer import Wire
from .tls import client_context
from .tls_socket import TlsSocket

_ANSWER_SIZE = 4096
_BACKLOG_PAUSE = 0.01
_RESOLVERS = ThreadPoolExecutor(4, thread_name_prefix="sshore-resolver")


class DockerStreams:
    """Opens program streams (`StreamOpener`) in whichever loop calls it.

    `api_version` gives the negotiated version (`1.41`) and must not block. Awaited directly, not through a
    task of its own, an `open_…` returns before the receiver hears anything.
    """

    def __init__(self, address: EngineAddress, api_version: Callable[[], str]) -> None:
        self._address = address
        self._api_version = api_version

    async def open_exec(self, exec_id: str, receiver: ProgramReceiver, *, tty: bool, timeout: float) -> ProgramStream:
        """Docker API, "ExecStart". `timeout` in seconds. Raises NotFound, Conflict, Unavailable, …"""
        body = json.dumps({"Detach": False, "Tty": tty}).encode()
        upgrade = self._upgrade(f"/exec/{quote(exec_id, safe='')}/start", body, "exec_start")
        return await self._open(upgrade, receiver, tty=tty, timeout=timeout)

    async def open_attach(
        self, container_id: str, receiver: ProgramReceiver, *, tty: bool, timeout: float
    ) -> ProgramStream:
        """Docker API, "ContainerAttach". `timeout` in seconds. Raises as `open_exec` does."""
        path = f"/containers/{quote(container_id, safe='')}/attach"
        path += f"?stream=1&stdin=1&stdout=1&stderr=1&detachKeys={quote(detach_keys(tty=tty))}"
        return await self._open(self._upgrade(path, b"", "container_attach"), receiver, tty=tty, timeout=timeout)

    def _upgrade(self, path: str, body: bytes, operation: str) -> Upgrade:
        return Upgrade(f"/v{self._api_version()}{path}", body, self._address.host_header, operation)

    async def _open(self, upgrade: Upgrade, receiver: ProgramReceiver, *, tty: bool, timeout: float) -> ProgramStream:
        try:
            async with asyncio.timeout(timeout):
                wire, early = await self._switched(upgrade)
        except TimeoutError as error:
            raise TimedOut(upgrade.operation, f"the engine did not answer within {timeout:g} s") from error
        except OSError as error:
            raise unreachable(upgrade.operation, error) from error
        stream = SocketStream(wire, receiver, upgrade.operation, tty=tty, early=early)
        stream.start_soon()
        return stream

    async def _switched(self, upgrade: Upgrade) -> tuple[Wire, bytes]:
        sock = await _connect(self._address)
        try:
            if self._address.tls is None:
                loop = asyncio.get_running_loop()
                send, receive = partial(loop.sock_sendall, sock), partial(loop.sock_recv, sock, _ANSWER_SIZE)
                return sock, await _exchange(upgrade, send, receive)
            wire = TlsSocket(sock, client_context(self._address.tls), self._address.host)
            await wire.handshake()
            return wire, await _exchange(upgrade, wire.send_all, wire.receive)
        except BaseException:
            sock.close()
            raise


async def _connect(address: EngineAddress) -> socket.socket:
    if address.path:
        return await _connect_unix(address.path)
    if address.ssh:
        return address.start_ssh(0)
    loop = asyncio.get_running_loop()
    # Not by the loop's own threads: a name server that does not answer would hold up what else is done there.
    look_up = partial(socket.getaddrinfo, address.host, address.port, type=socket.SOCK_STREAM)
    found = await loop.run_in_executor(_RESOLVERS, look_up)
    failure: OSError | None = None
    for family, kind, protocol, _, endpoint in found:
        sock = socket.socket(family, kind, protocol)
        try:
            sock.setblocking(False)
            await loop.sock_connect(sock, endpoint)
            tune_tcp(sock)
            return sock
        except OSError as error:
            sock.close()
            failure = error
        except BaseException:
            sock.close()
            raise
    raise failure or OSError(f"{address.host} has no address")


async def _connect_unix(path: str) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX)
    try:
        sock.setblocking(False)
        while True:
            try:
                sock.connect(path)
                return sock
            except BlockingIOError:
                # The engine's accept queue is full; nothing tells when it is not, and loop.sock_connect would
                # take the unconnected socket, which is writable, for a connected one.
                await asyncio.sleep(_BACKLOG_PAUSE)
    except BaseException:
        sock.close()
        raise


async def _exchange(
    upgrade: Upgrade, send: Callable[[bytes], Awaitable[None]], receive: Callable[[], Awaitable[bytes]]
) -> bytes:
    await send(upgrade.request)
    while data := await receive():
        early = upgrade.receive(data)
        if early is not None:
            return early
    raise upgrade.eof()
