"""The program streams and control inputs of a fake engine."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from ..control_shell import READY
from ..errors import NotFound, TimedOut, Unavailable
from ..interface import ProgramReceiver
from .connections import Connections
from .containers import FakeContainer, FakeExec
from .faults import Faults
from .process import FakeProcess

_POLL_SECONDS = 0.002


class FakeStreams:
    """Opens program streams (`StreamOpener`) in whichever loop calls it.

    `container` and `program` find one by its id, or raise NotFound naming the operation.
    """

    def __init__(
        self,
        faults: Faults,
        connections: Connections,
        container: Callable[[str, str], FakeContainer],
        program: Callable[[str, str], FakeExec],
    ) -> None:
        self._faults = faults
        self._connections = connections
        self._container = container
        self._program = program

    async def open_exec(self, exec_id: str, receiver: ProgramReceiver, *, tty: bool, timeout: float) -> FakeStream:
        await self._faults.pause("exec_start", timeout)
        process = self._program(exec_id, "exec_start").start()
        return FakeStream(process, receiver, self._connections, holds_stdin=True)

    async def open_attach(
        self, container_id: str, receiver: ProgramReceiver, *, tty: bool, timeout: float
    ) -> FakeStream:
        await self._faults.pause("container_attach", timeout)
        container = self._container(container_id, "container_attach")
        return FakeStream(container.main, receiver, self._connections, holds_stdin=container.stdin_once)


class FakeStream:
    """A `ProgramStream` to a process of the fake engine. In the running loop's thread, but for `lose`."""

    def __init__(
        self, process: FakeProcess, receiver: ProgramReceiver, connections: Connections, *, holds_stdin: bool
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._process = process
        self._receiver = receiver
        self._connections = connections
        self._holds_stdin = holds_stdin
        self._open = True
        self._paused = False
        self._input_paused = False
        self._input_ended = False
        process.input.drained = lambda: self._call(self._drained)
        process.output.grown = lambda: self._call(self._deliver)
        connections.add(self)
        self._loop.call_soon(self._deliver)

    def write(self, data: bytes | memoryview) -> None:
        if not self._open or self._input_ended:
            return
        if self._process.feed(data) and not self._input_paused:
            self._input_paused = True
            self._receiver.pause_input()

    def write_eof(self) -> None:
        if self._open and not self._input_ended:
            self._input_ended = True
            self._process.hang_up()

    def pause_output(self) -> None:
        self._paused = True

    def resume_output(self) -> None:
        self._paused = False
        self._loop.call_soon(self._deliver)

    def close(self) -> None:
        if not self._open:
            return
        self._open = False
        self._connections.discard(self)
        self._process.output.discard()
        if self._holds_stdin:
            self._process.hang_up()

    def lose(self) -> None:
        """Break the connection. Any thread."""
        self._call(self._break)

    def _break(self) -> None:
        self._end(Unavailable("stream", "the connection was lost"))

    def _end(self, failure: Unavailable | None) -> None:
        if self._open:
            self.close()
            self._receiver.ended(failure)

    def _call(self, callback: Callable[[], None]) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(callback)

    def _drained(self) -> None:
        if self._open and self._input_paused:
            self._input_paused = False
            self._receiver.resume_input()

    def _deliver(self) -> None:
        if not self._open or self._paused:
            return
        ended = self._process.output.ended
        for data, stderr in self._process.output.take():
            if self._open:
                self._receiver.output_received(data, stderr=stderr)
        if ended:
            self._end(None)


class FakeControl:
    """The held stdin of a control shell (`ControlInput`). `holds_stdin` says whether letting go ends it."""

    def __init__(self, process: FakeProcess, connections: Connections, *, holds_stdin: bool) -> None:
        self._process = process
        self._connections = connections
        self._holds_stdin = holds_stdin
        self._said = b""
        self._open = True
        connections.add(self)

    def await_ready(self, *, timeout: float) -> None:
        deadline = time.monotonic() + timeout
        while READY.encode() not in self._said:
            if time.monotonic() > deadline:
                raise TimedOut("exec_start", f"no word within {timeout:g} s")
            ended = self._process.output.ended
            self._said += b"".join(data for data, _ in self._process.output.take())
            if ended and READY.encode() not in self._said:
                raise NotFound("exec_start", self._said.decode().strip())
            time.sleep(_POLL_SECONDS)

    def send_line(self, line: str, *, timeout: float) -> None:
        if not self._open or self._process.output.ended:
            raise Unavailable("control_send", "the connection was lost")
        self._process.feed(line.encode() + b"\n")

    def close(self) -> None:
        if self._open:
            self._open = False
            self._connections.discard(self)
            if self._holds_stdin:
                self._process.hang_up()

    def lose(self) -> None:
        """Break the connection."""
        self.close()
