"""A program's stream on a socket of its own, after the engine has switched to it.

The loop calls back to read and write the socket itself, not through an asyncio transport: a transport drops the
output that still waits in the socket when a write fails, and a program that ends before it has read all of
its stdin makes writes fail.
"""

from __future__ import annotations

import asyncio

from .address import unreachable
from .demux import Decoder, Demux, FrameError, Raw
from .errors import EngineError, ServerFault, Unavailable
from .event_batch import event_batch
from .interface import ProgramReceiver
from .link_watch import LinkWatch
from .scratch import scratch
from .stdin_writer import StdinWriter, Wire


class SocketStream:
    """A `ProgramStream` on a connected, non-blocking socket, which it owns. All in the running loop's thread.

    `early` are the bytes that came together with the engine's answer, `operation` names failures.
    """

    def __init__(self, sock: Wire, receiver: ProgramReceiver, operation: str, *, tty: bool, early: bytes) -> None:
        self._loop = asyncio.get_running_loop()
        self._sock = sock
        self._receiver = receiver
        self._operation = operation
        self._early = early
        self._decoder: Decoder = Raw(self._deliver) if tty else Demux(self._deliver)
        self._writer = StdinWriter(self._loop, sock, receiver.pause_input, receiver.resume_input)
        self._link = LinkWatch(self._loop, sock, lambda: self._writer.waits, self._lost)
        self._open = True
        self._paused = False

    def start_soon(self) -> None:
        """Read from the loop's next turn on."""
        self._loop.call_soon(self._start)

    def write(self, data: bytes | memoryview) -> None:
        if self._open:
            self._link.sent()
            self._writer.write(data)

    def write_eof(self) -> None:
        if self._open:
            self._link.sent()
            self._writer.write_eof()

    def pause_output(self) -> None:
        if self._open and not self._paused:
            self._paused = True
            self._loop.remove_reader(self._sock)

    def resume_output(self) -> None:
        if self._open and self._paused:
            self._paused = False
            self.start_soon()

    def close(self) -> None:
        if self._open:
            self._open = False
            self._link.close()
            self._loop.remove_reader(self._sock)
            self._writer.close()
            self._sock.close()

    def _start(self) -> None:
        if not self._open or self._paused:
            return
        self._loop.add_reader(self._sock, self._readable)
        if self._early:
            early, self._early = self._early, b""
            self._feed(memoryview(early))

    def _readable(self) -> None:
        event_batch.deal(self._take)

    def _take(self) -> None:
        try:
            size = self._sock.recv_into(scratch.view)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._lost(error)
            return
        if size:
            self._feed(scratch.view[:size])
        else:
            self._end(self._end_failure())

    def _feed(self, data: memoryview) -> None:
        try:
            self._decoder.feed(data)
        except FrameError as error:
            self._end(ServerFault(self._operation, str(error)))
        except Exception as error:  # the receiver's own fault ends this stream, not the loop's other ones
            self._end(error)

    def _deliver(self, data: memoryview, stderr: bool) -> None:
        if self._open:
            self._receiver.output_received(data, stderr=stderr)

    def _lost(self, error: OSError) -> None:
        # A connection closed with stdin unread is reset; that the program did not read it is no failure.
        if isinstance(error, ConnectionResetError) and self._writer.used:
            self._end(self._end_failure())
        else:
            self._end(unreachable(self._operation, error))

    def _end_failure(self) -> EngineError | None:
        if self._decoder.inside_frame:
            return Unavailable(self._operation, "the stream ended inside a frame")
        failure = self._writer.failure
        return unreachable(self._operation, failure) if failure else None

    def _end(self, failure: Exception | None) -> None:
        if self._open:
            self.close()
            self._receiver.ended(failure)
