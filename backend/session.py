"""One session channel in the loop: it owns the program's stream and talks to the session actor."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from ..actors.log import Log
from ..actors.messages import (
    ChannelClosed,
    Exited,
    FirstOutput,
    OutputEnded,
    OutputStalled,
    RunExec,
    RunShell,
    RunSubsystem,
    StartFailed,
    StreamFailed,
    StreamOpened,
)
from ..actors.primed import PrimedShell, ShellLost
from ..actors.ref import post
from ..actors.refusals import Refused, record, refuse
from ..config.durations import format_duration
from ..config.models import ExecutionConfig
from ..engine.interface import ProgramStream, StreamOpener
from ..engine.pipes.fifos import FifoSet
from ..engine.pipes.stream import Linger, PipedStream
from ..engine.types import EventsLost
from ..metrics.codes import Code
from ..metrics.counters import Metrics
from .output_flow import Keep, OutputFlow, Pace, any_number
from .pid_line import PidLine
from .session_calls import SessionCalls
from .session_end import SessionEnd
from .sink import ProgramSink
from .timers import in_loop

_LONGEST_OPENING = 2.0


class ProgramSession(SessionCalls):
    """The push interface of a session: a transport calls these methods and implements `ProgramSink`.

    Loop only, except for the methods of the actors' `SessionPort`, which any thread may call. Flow: `start`, then
    `write` and `write_eof`, unless the sink was told to pause; the sink gets output, then exactly one of `exited` and
    `refused`; `close` whenever the channel closes.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        streams: StreamOpener,
        metrics: Metrics,
        log: Log,
        execution: ExecutionConfig,
        pace: Pace,
    ) -> None:
        flow = OutputFlow(loop, pace, lambda: post(self._actor, OutputStalled()))
        super().__init__(loop, metrics, log, execution, flow)
        self.at_close: list[Callable[[], object]] = []
        """Called once, when the channel is closed and its stream is let go."""
        self.keep_unread: Callable[[ProgramStream | None], object] = lambda stream: None
        """Called with the stream of what floods in its program's place."""
        self._streams = streams
        self._stream: ProgramStream | None = None
        self._opening: asyncio.Task[None] | None = None
        self._pid_line: PidLine | None = None
        self._shell: PrimedShell | None = None
        self._early_refusal: Refused | None = None
        self._end = SessionEnd(loop, flow, self._tell_end)
        self._spoke = False
        self._running = False
        self._piped: PipedStream | None = None
        self._released = False

    def start(self, request: RunShell | RunExec | RunSubsystem, sink: ProgramSink) -> None:
        """Start the channel's one program (RFC 4254 §6.5). Raises RefusedError on a second one."""
        with self._recorded():
            self._before_start()
        self._started = True
        self._sink = sink
        sink.pause_input()
        if self._early_refusal:
            self._refused(self._early_refusal)
        elif not post(self._actor, request):
            refused = refuse(Code.CONNECTION_ENDING, "the connection has ended")
            record(refused, "session_refused", self._log, self._metrics)
            self._refused(refused)

    def write(self, data: bytes) -> None:
        """Pass bytes to the program's stdin, in order."""
        self._metrics.bytes_moved("in", len(data))
        if not self._end.output_over:
            self._look_for_suspend(data)
            self._input.write(data)

    def write_eof(self) -> None:
        """End the program's stdin behind what was written. With a terminal it has no effect, as under sshd."""
        if not self._tty:
            self._input.write_eof()

    def pause_output(self, keep: Keep = any_number) -> None:
        """Get no more output until `resume_output` but what is on its way, or `keep` allows of an ended program."""
        self._flow.hold(keep)

    def resume_output(self) -> None:
        """Go on with output."""
        self._flow.release()
        self._end.look()

    def close(self) -> None:
        """The channel is closed: the sink hears nothing more, a running program is ended. Idempotent."""
        if self._closed:
            return
        self._closed = True
        self._sink = None
        self._end.close()
        if not self._end.output_over and self._pid_is_due:
            # Only a program whose pid is known can be ended.
            self._loop.call_later(_LONGEST_OPENING, self._release)
        else:
            self._release()

    # The actors' SessionPort: any thread.
    def open_exec(self, exec_id: str, *, tty: bool, timeout: float, fifos: FifoSet | None = None) -> None:
        piped = self._beside(fifos)
        opening = self._streams.open_exec(exec_id, piped or self, tty=tty, timeout=timeout)
        in_loop(self._loop, self._open, opening, PidLine(), piped)

    def become(self, shell: PrimedShell, order: bytes, *, fifos: FifoSet | None = None) -> None:
        in_loop(self._loop, self._become, shell, order, self._beside(fifos))

    def open_attach(self, container_id: str, *, tty: bool, timeout: float, fifos: FifoSet | None = None) -> None:
        self._attach(tty=tty)
        piped = self._beside(fifos)
        opening = self._streams.open_attach(container_id, piped or self, tty=tty, timeout=timeout)
        in_loop(self._loop, self._open, opening, PidLine() if piped else None, piped)

    # The engine's ProgramReceiver: loop.
    def output_received(self, data: bytes | memoryview, *, stderr: bool) -> None:
        if self._pid_line:
            self._first_output(self._pid_line, data, stderr)
        else:
            self._pass_output(data, stderr)

    def ended(self, failure: Exception | None) -> None:
        if self._shell and self._pid_line and not (failure and self._shell.has_order):
            self._shell_lost(self._shell)
            return
        if self._pid_line and self._pid_line.flooded:
            return
        self._end.output_over = True
        self._flow.end()
        if self._pid_line and self._attaches:
            self._give_up_pid(self._pid_line)
        if self._pid_line and self._shell and failure:
            # It may be the program by now.
            post(self._actor, StreamFailed(failure))
        elif self._pid_line:
            post(self._actor, StartFailed(self._pid_line.text or str(failure or "the stream ended at once")))
        elif failure:
            # At once, and whatever the program's status was: half an output must not look like a whole one.
            post(self._actor, StreamFailed(failure))
            refused = refuse(Code.STREAM_FAILED, str(failure))
            if self._over and self._sink:
                # The actor has told how the program ended, and has no more to say.
                record(refused, "session_refused", self._log, self._metrics)
            self._refused(refused)
        else:
            post(self._actor, OutputEnded())
        if self._closed:
            self._release()
        self._end.look()

    def pause_input(self) -> None:
        self._input.stream_filled()

    def resume_input(self) -> None:
        self._input.stream_drained()

    def _beside(self, fifos: FifoSet | None) -> PipedStream | None:
        if fifos is None:
            return None
        linger = Linger(self._execution.linger_time, self._output_cut)
        # What it left behind still writes, or it runs on and the engine is gone: then nothing tells of its end.
        return PipedStream(self, fifos, lambda: post(self._actor, EventsLost()), linger)

    def _open(
        self, opening: Coroutine[Any, Any, ProgramStream], pid_line: PidLine | None, piped: PipedStream | None
    ) -> None:
        if self._closed:
            opening.close()
            if piped:
                piped.close()
            return
        self._pid_line, self._piped = pid_line, piped
        self._opening = self._loop.create_task(self._opened(opening))

    async def _opened(self, opening: Coroutine[Any, Any, ProgramStream]) -> None:
        try:
            stream = await opening
            self._stream = self._piped.beside(stream) if self._piped else stream
        except Exception as error:  # whatever it was, the session actor has to learn that there is no stream
            self._end.output_over = True
            post(self._actor, StreamFailed(error))
            if self._closed:
                self._release()
            return
        if not self._pid_line:
            self._flow.govern(self._stream)
        self._pass_early_input()
        if self._attaches or not self._pid_line:
            post(self._actor, StreamOpened(None))
            if self._closed:
                self._release()

    def _become(self, shell: PrimedShell, order: bytes, piped: PipedStream | None) -> None:
        if self._closed:
            shell.dismiss()
            if piped:
                piped.close()
            return
        self._shell, self._piped, self._pid_line = shell, piped, PidLine()
        self._stream = piped.beside(shell) if piped else shell
        shell.become(order, piped or self)

    def _shell_lost(self, shell: PrimedShell) -> None:
        # Its session begins anew by a plain exec: what the client sent is still there for that.
        self._shell = self._stream = self._piped = self._pid_line = None
        post(self._actor, ShellLost(shell))
        if self._closed:
            self._release()

    def _pause_client(self) -> None:
        if self._sink:
            self._sink.pause_input()

    def _resume_client(self) -> None:
        if self._sink:
            self._sink.resume_input()

    def _now_running(self) -> None:
        self._running = True
        self._pass_early_input()

    def _pass_early_input(self) -> None:
        if self._stream and not self._input.flows and not self._released and self._takes_input:
            self._input.pass_to(self._stream)

    @property
    def _pid_is_due(self) -> bool:
        return self._opening is not None if self._stream is None else bool(self._pid_line) and not self._attaches

    @property
    def _takes_input(self) -> bool:
        if self._tty:
            # Typed ahead, it would be echoed in front of the pid, and reach a program whose terminal has no size yet.
            return self._running
        # What carries it, and whether anything becomes of a shell, is known behind the launcher's line.
        return not ((self._piped or self._shell) and self._pid_line)

    def _first_output(self, line: PidLine, data: bytes | memoryview, stderr: bool) -> None:
        if line.flooded:
            return
        rest = line.hold(data) if stderr else line.feed(data)
        if line.flooded:
            self._flooded(line)
        elif rest is not None:
            self._said_pid(line)
            self._pass_output(line.held, stderr=True)
            self._pass_output(rest, stderr=False)

    def _flooded(self, line: PidLine) -> None:
        self._end.output_over = True
        self._flow.end()
        stream, self._stream, self._piped = self._stream, None, None
        self.keep_unread(stream)
        post(self._actor, StartFailed(line.text, Code.START_FLOODED))

    def _pass_output(self, data: bytes | memoryview, stderr: bool) -> None:
        if not data or self._sink is None:
            return
        self._end.output_came()
        if not self._spoke:
            self._spoke = True
            post(self._actor, FirstOutput())
        self._metrics.bytes_moved("out", len(data))
        self._sink.output_received(data, stderr=stderr)
        self._flow.passed(len(data))

    def _said_pid(self, line: PidLine) -> None:
        self._pid_line = None
        # Not before: a program's pid has to be known, whatever its client does, else nobody could end it.
        piped = bool(self._piped and self._piped.carry(line.carrier))
        if self._stream:
            self._flow.govern(self._stream, keeps_its_end=piped)
        self._pass_early_input()
        if not self._attaches:
            post(self._actor, StreamOpened(line.pid, line.files, piped))
        if self._closed:
            self._release()

    def _give_up_pid(self, line: PidLine) -> None:
        self._pid_line = None
        self._pass_output(line.seen, stderr=False)
        self._pass_output(line.held, stderr=True)

    def _note_exit(self, exited: Exited) -> None:
        self._over = True
        self._end.exited(exited, waits=not self._tty and not (self._attaches and not self._piped))

    def _output_cut(self) -> None:
        cut = refuse(Code.OUTPUT_CUT, f"docker.execution.lingerTime is {format_duration(self._execution.linger_time)}")
        record(cut, "output_cut", self._log, self._metrics, "warning")
        self._end.output_cut(cut)

    def _tell_end(self, exited: Exited) -> None:
        sink, self._sink = self._sink, None
        if sink:
            sink.exited(exited.status, exited.notice)

    def _refused(self, refused: Refused) -> None:
        if self._sink is None:
            # Of an actor that ended before its program was asked for.
            self._early_refusal = refused
            return
        self._show_waiting("")
        self._over = True
        self._end.close()
        sink, self._sink = self._sink, None
        sink.refused(refused)

    def _release(self) -> None:
        if self._released:
            return
        self._released = True
        self._flow.end()
        self._input.close()
        if self._stream:
            self._stream.close()
        elif self._opening:
            self._opening.cancel()
        if self._piped:
            self._piped.close()
        post(self._actor, ChannelClosed())
        for callback in self.at_close:
            callback()
