"""A session channel with plain streams, for embedding programs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from ..actors.log import Log
from ..actors.messages import RunExec, RunShell, RunSubsystem
from ..actors.refusals import FAILED, Refused
from .session import ProgramSession

_CHUNK = 65536

OnExit = Callable[[int], None]


class Source(Protocol):
    """A program's stdin, such as an asyncio.StreamReader."""

    async def read(self, limit: int, /) -> bytes:
        """Return at most `limit` bytes; empty at the end."""


class Target(Protocol):
    """A program's stdout or stderr, such as an asyncio.StreamWriter."""

    def write(self, data: bytes, /) -> object: ...

    async def drain(self) -> object:
        """Return when more may be written."""


class SessionChannel:
    """The pull interface of a session. Every method belongs to the backend's loop; all may raise RefusedError.

    A `request_id` is the transport's own number of the request; it appears in the log.
    """

    def __init__(self, session: ProgramSession, log: Log) -> None:
        self._session = session
        self._log = log

    def env(self, name: str, value: str, *, request_id: int = 0) -> None:
        """Set an environment variable for the program (RFC 4254 §6.4)."""
        self._note("env", request_id)
        self._session.env(name, value)

    def pty(self, term: str, columns: int, rows: int, *, request_id: int = 0) -> None:
        """Give the program a terminal of columns × rows (RFC 4254 §6.2)."""
        self._note("pty", request_id)
        self._session.pty(term, columns, rows)

    def window(self, columns: int, rows: int, *, request_id: int = 0) -> None:
        """The terminal has columns × rows now (RFC 4254 §6.7)."""
        self._note("window", request_id)
        self._session.window(columns, rows)

    def signal(self, name: str, *, request_id: int = 0) -> None:
        """Send a signal, named without SIG (RFC 4254 §6.9)."""
        self._note("signal", request_id)
        self._session.signal(name)

    def shell(self, stdin: Source, stdout: Target, stderr: Target, on_exit: OnExit, *, request_id: int = 0) -> None:
        """Start the shell (RFC 4254 §6.5). `on_exit` gets the exit status behind the last byte of output."""
        self._note("shell", request_id)
        self._start(RunShell(), stdin, stdout, stderr, on_exit)

    def exec(
        self,
        command: str,
        stdin: Source,
        stdout: Target,
        stderr: Target,
        on_exit: OnExit,
        *,
        request_id: int = 0,
    ) -> None:
        """Start a command line (RFC 4254 §6.5). `on_exit` gets the exit status behind the last byte of output."""
        self._note("exec", request_id)
        self._start(RunExec(command), stdin, stdout, stderr, on_exit)

    def subsystem(
        self,
        name: str,
        stdin: Source,
        stdout: Target,
        stderr: Target,
        on_exit: OnExit,
        *,
        request_id: int = 0,
    ) -> None:
        """Start a subsystem such as `sftp` (RFC 4254 §6.5)."""
        self._note("subsystem", request_id)
        self._start(RunSubsystem(name), stdin, stdout, stderr, on_exit)

    def close(self) -> None:
        """Close the channel: a running program is ended. Idempotent."""
        self._session.close()

    def _note(self, request: str, request_id: int) -> None:
        self._log.debug("session_request", request=request, request_id=request_id)

    def _start(
        self,
        request: RunShell | RunExec | RunSubsystem,
        stdin: Source,
        stdout: Target,
        stderr: Target,
        on_exit: OnExit,
    ) -> None:
        pump = _Pump(self._session, self._log, stdout, stderr, on_exit)
        self._session.start(request, pump)
        self._session.at_close.append(pump.stop)
        pump.read(stdin)


class _Pump:
    """The sink of a pull session: moves bytes between the program and the embedding program's streams.

    Those may raise what they like: a source that breaks is at its end, a target that breaks closes the channel.
    """

    def __init__(self, session: ProgramSession, log: Log, stdout: Target, stderr: Target, on_exit: OnExit) -> None:
        self._session = session
        self._log = log
        self._targets = {False: stdout, True: stderr}
        self._on_exit = on_exit
        self._may_write = asyncio.Event()
        self._over = False
        self._reading: asyncio.Task[None] | None = None
        self._draining: asyncio.Task[None] | None = None

    def read(self, stdin: Source) -> None:
        """Begin to pass input on."""
        if not self._over:
            self._reading = asyncio.ensure_future(self._feed(stdin))

    def stop(self) -> None:
        """Touch the embedding program's streams no more. Idempotent."""
        self._over = True
        for task in (self._reading, self._draining):
            if task:
                task.cancel()

    def output_received(self, data: bytes | memoryview, *, stderr: bool) -> None:
        self._targets[stderr].write(bytes(data))
        if self._draining is None:
            self._session.pause_output()
            self._draining = asyncio.ensure_future(self._drain())

    def pause_input(self) -> None:
        self._may_write.clear()

    def resume_input(self) -> None:
        self._may_write.set()

    def exited(self, status: int, notice: str) -> None:
        self._finish(status, notice)

    def refused(self, refused: Refused) -> None:
        self._finish(refused.status, refused.user)

    def _finish(self, status: int, notice: str) -> None:
        self._over = True
        if self._reading:
            self._reading.cancel()
        if notice:
            self._targets[True].write(f"sshore: {notice}\n".encode())
        self._on_exit(status)

    async def _feed(self, stdin: Source) -> None:
        try:
            while data := await self._read_when_wanted(stdin):
                self._session.write(data)
        except Exception as error:  # the embedding program's own
            self._log.info("source_lost", cause=repr(error))
        self._session.write_eof()

    async def _read_when_wanted(self, stdin: Source) -> bytes:
        await self._may_write.wait()
        return await stdin.read(_CHUNK)

    async def _drain(self) -> None:
        try:
            for target in self._targets.values():
                await target.drain()
        except Exception as error:  # the embedding program's own
            self._log.info("target_lost", cause=repr(error))
            self._target_lost()
            return
        self._draining = None
        self._session.resume_output()

    def _target_lost(self) -> None:
        already_told, self._over = self._over, True
        self._session.close()
        if not already_told:
            self._on_exit(FAILED)
