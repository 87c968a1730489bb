"""A program's stream whose bytes go through named pipes, past the engine that started the program."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from ..interface import ProgramReceiver, ProgramStream
from ..launcher import PIPED
from ..stdin_writer import StdinWriter
from .fifos import STDERR, STDIN, STDOUT, FifoSet
from .wire import FifoReader, FifoWire

LAST_WORDS = 3.0
"""Seconds in which a program that is being ended may still write without SIGPIPE."""


@dataclass(frozen=True, slots=True)
class Linger:
    """For how many `seconds` what an ended program left behind may still write; 0 is for as long as the stream is open.

    `cut` is called when one that could have gone on is not heard any more.
    """

    seconds: float = 0.0
    cut: Callable[[], object] = lambda: None


class PipedStream:
    """Stands between the engine's stream and its receiver, and is a `ProgramStream` itself.

    Until the launcher's line has come its owner only listens: `carry` tells what the line said, and only then there
    may be input. A launcher that does not use the pipes leaves everything to the engine's stream. Beside pipes that
    stream stays open: its end is the program's, its failure the engine's. Made in any thread, used in one loop's.
    """

    def __init__(
        self,
        receiver: ProgramReceiver,
        fifos: FifoSet,
        engine_over: Callable[[], object],
        linger: Linger = Linger(),  # it is frozen
    ) -> None:
        """`engine_over` is called when the engine's stream ends before the pipes: with the program, or the engine."""
        self._receiver = receiver
        self._tell_engine_over = engine_over
        self._fifos = fifos
        self._engine: ProgramStream | None = None
        self._bytes: ProgramStream | None = None
        self._pipes: _Pipes | None = None
        self._linger = linger
        self._alarm: asyncio.TimerHandle | None = None
        self._engine_over = False
        self._open = True

    def beside(self, engine: ProgramStream) -> PipedStream:
        """Take the engine's stream, which has this one as its receiver, and return this one."""
        self._engine = self._bytes = engine
        return self

    def carry(self, said: str) -> bool:
        """Go on as the launcher said: PIPED or something else. Returns whether pipes carry the bytes from now on."""
        self._fifos.told(said)
        if said != PIPED:
            return False
        self._bytes = self._pipes = _Pipes(self._receiver, self._fifos, self._end_if_over, self._end)
        return True

    # The owner's ProgramStream.
    def write(self, data: bytes | memoryview) -> None:
        if self._bytes:
            self._bytes.write(data)

    def write_eof(self) -> None:
        if self._bytes:
            self._bytes.write_eof()

    def pause_output(self) -> None:
        if self._bytes:
            self._bytes.pause_output()

    def resume_output(self) -> None:
        if self._bytes:
            self._bytes.resume_output()

    def close(self) -> None:
        self._open = False
        if self._alarm:
            self._alarm.cancel()
        if self._pipes:
            self._pipes.close()
        self._fifos.close()
        if self._engine:
            self._engine.close()

    # The engine's ProgramReceiver.
    def output_received(self, data: bytes | memoryview, *, stderr: bool) -> None:
        self._receiver.output_received(data, stderr=stderr)

    def ended(self, failure: Exception | None) -> None:
        self._engine_over = True
        if failure or not self._pipes:
            self._end(failure)
        elif not self._end_if_over():
            self._tell_engine_over()
            if self._linger.seconds:
                self._alarm = asyncio.get_running_loop().call_later(self._linger.seconds, self._finish, self._pipes)

    def pause_input(self) -> None:
        self._receiver.pause_input()

    def resume_input(self) -> None:
        self._receiver.resume_input()

    def _finish(self, pipes: _Pipes) -> None:
        if not pipes.take_rest():
            self._linger.cut()
        self._end_if_over()

    def _end_if_over(self) -> bool:
        if not self._engine_over or (self._pipes and self._pipes.open):
            return False
        self._end(None)
        return True

    def _end(self, failure: Exception | None) -> None:
        if self._open:
            self.close()
            self._receiver.ended(failure)


class _Pipes:
    """The gateway's ends while they carry a program's bytes.

    `over` is called when the last output has ended, `failed` with what the receiver raised.
    """

    def __init__(
        self,
        receiver: ProgramReceiver,
        fifos: FifoSet,
        over: Callable[[], object],
        failed: Callable[[Exception], object],
    ) -> None:
        loop, budget = asyncio.get_running_loop(), fifos.budget
        self._receiver = receiver
        self._failed = failed
        self._wire = FifoWire(loop, fifos.take(STDIN), budget)
        self._writer = StdinWriter(loop, self._wire, receiver.pause_input, receiver.resume_input)
        self._readers = [
            FifoReader(loop, fifos.take(name), budget, partial(self._deliver, name == STDERR), over)
            for name in (STDOUT, STDERR)
        ]
        fifos.opened()
        self.resume_output()

    @property
    def open(self) -> bool:
        """Whether any output may still come."""
        return any(reader.open for reader in self._readers)

    def write(self, data: bytes | memoryview) -> None:
        self._writer.write(data)

    def write_eof(self) -> None:
        self._writer.write_eof()

    def pause_output(self) -> None:
        for reader in self._readers:
            reader.pause()

    def resume_output(self) -> None:
        for reader in self._readers:
            reader.resume()

    def take_rest(self) -> bool:
        """Deliver what is there, wait for no more; return whether that was all."""
        whole = [reader.take_rest() for reader in self._readers]
        return all(whole)

    def close(self) -> None:
        self._writer.close()
        self._wire.close()
        for reader in self._readers:
            reader.discard(LAST_WORDS)

    def _deliver(self, stderr: bool, data: memoryview) -> None:
        try:
            self._receiver.output_received(data, stderr=stderr)
        except Exception as error:  # the receiver's own fault ends this stream, not the loop's other ones
            self._failed(error)
