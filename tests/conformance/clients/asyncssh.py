"""asyncssh, a library on asyncio: its loop runs in a thread of its own here."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncssh
from conformance.driver import SECONDS, Connection, Ended, Program, Screen
from conformance.output import Output
from support.server import Server


class AsyncSsh:
    """The release that requirements.lock names, which is also the server's."""

    def __init__(self, server: Server) -> None:
        self._server = server

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        """Open a connection."""
        loop = _Loop()
        try:
            connection = loop.wait(self._open())
            yield _Open(loop, connection)
            loop.call(connection.close)
            loop.wait(connection.wait_closed())
        finally:
            loop.stop()

    async def _open(self) -> asyncssh.SSHClientConnection:
        return await self._server.connect()


class _Loop:
    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def wait(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(SECONDS)

    def call(self, function: Callable[..., object], *args: object) -> None:
        """Call it in the loop and wait until that is done; what it raises is raised here."""

        async def do() -> None:
            function(*args)

        self.wait(do())

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class _Open:
    def __init__(self, loop: _Loop, connection: asyncssh.SSHClientConnection) -> None:
        self._loop = loop
        self._connection = connection

    def start(self, command: str, env: Mapping[str, str] | None = None) -> Program:
        return self._session(command=command, env=dict(env or {}))

    @contextmanager
    def screen(self, columns: int, rows: int) -> Iterator[Screen]:
        session = self._session(term_type="xterm", term_size=(columns, rows))
        try:
            yield _Screen(session)
        finally:
            self._loop.call(session.channel.close)

    def round_trip(self, source: Path, remote: str, target: Path) -> None:
        self._loop.wait(self._transfer(source, remote, target))

    async def _transfer(self, source: Path, remote: str, target: Path) -> None:
        async with self._connection.start_sftp_client() as sftp:
            await sftp.put(str(source), remote)
            await sftp.get(remote, str(target))

    def _session(self, **options: Any) -> _Session:
        session = _Session(self._loop)
        self._loop.wait(self._connection.create_session(lambda: session, encoding=None, **options))
        return session


class _Session(asyncssh.SSHClientSession[bytes]):
    """A `Program`; its callbacks come from the loop's thread."""

    channel: asyncssh.SSHClientChannel[bytes]

    def __init__(self, loop: _Loop) -> None:
        self._loop = loop
        self._stdout, self._stderr = Output(), Output()
        self.expect, self.read = self._stdout.expect, self._stdout.read

    def connection_made(self, chan: asyncssh.SSHClientChannel[bytes]) -> None:
        self.channel = chan

    def data_received(self, data: bytes, datatype: asyncssh.DataType) -> None:
        (self._stderr if datatype == asyncssh.EXTENDED_DATA_STDERR else self._stdout).add(data)

    def eof_received(self) -> bool:
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        self._stdout.end()
        self._stderr.end()

    def write(self, data: bytes) -> None:
        self._loop.call(self.channel.write, data)

    def end_input(self) -> None:
        self._loop.call(self.channel.write_eof)

    def signal(self, name: str) -> None:
        self._loop.call(self.channel.send_signal, name)

    def wait(self) -> Ended:
        stdout, stderr = self._stdout.whole(), self._stderr.whole()
        status = self.channel.get_returncode()
        return Ended(-1 if status is None else status, stdout, stderr)


class _Screen:
    def __init__(self, session: _Session) -> None:
        self._session = session
        self.signal = session.signal

    def type(self, text: str) -> None:
        self._session.write(text.encode())

    def expect(self, text: str) -> bytes:
        return self._session.expect(text.encode())

    def resize(self, columns: int, rows: int) -> None:
        self._session._loop.call(self._session.channel.change_terminal_size, columns, rows)

    def wait(self) -> int:
        return self._session.wait().status
