"""What a session's actor tells the loop."""

from __future__ import annotations

import asyncio
from abc import abstractmethod

from ..actors.log import Log
from ..actors.messages import Exited, ResizeWindow, SendSignal
from ..actors.ref import post
from ..actors.refusals import Refused
from ..actors.stop_messages import StopSuspected
from ..config.models import ExecutionConfig
from ..metrics.counters import Metrics
from .output_flow import OutputFlow
from .program_input import ProgramInput
from .session_requests import SessionRequests
from .sink import ProgramSink
from .suspend_watch import SuspendWatch
from .timers import in_loop


class SessionCalls(SessionRequests):
    """Those methods of the actors' `SessionPort` that only go on in the loop. Any thread."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        metrics: Metrics,
        log: Log,
        execution: ExecutionConfig,
        flow: OutputFlow,
    ) -> None:
        super().__init__(metrics, log, execution, ProgramInput(loop, self._pause_client, self._resume_client))
        self._loop = loop
        self._flow = flow
        self._sink: ProgramSink | None = None
        self._attaches = False
        self._suspends: SuspendWatch | None = None

    def waiting(self, sentence: str) -> None:
        in_loop(self._loop, self._show_waiting, sentence)

    def taken(self, request: ResizeWindow | SendSignal) -> None:
        in_loop(self._loop, self._pending.taken, request)

    def sized(self, number: int) -> None:
        in_loop(self._loop, self._input.window_set, number)

    def running(self) -> None:
        in_loop(self._loop, self._now_running)

    def stalled(self, *, over: bool) -> None:
        in_loop(self._loop, lambda: self._flow.answer(over=over))

    def exited(self, exited: Exited) -> None:
        in_loop(self._loop, self._note_exit, exited)

    def refused(self, refused: Refused) -> None:
        in_loop(self._loop, self._refused, refused)

    def _attach(self, *, tty: bool) -> None:
        """The program is a container's: on a terminal a Ctrl-Z would stop it for good, so its actor hears of it."""
        self._attaches = True
        if tty:
            self._suspends = SuspendWatch(self._loop, lambda: post(self._actor, StopSuspected()))

    def _look_for_suspend(self, data: bytes) -> None:
        if self._suspends:
            self._suspends.typed(data)

    @abstractmethod
    def _pause_client(self) -> None:
        """Have the client send no more input for now."""

    @abstractmethod
    def _resume_client(self) -> None:
        """Have it go on."""

    def _show_waiting(self, sentence: str) -> None:
        """Show what the user waits for; empty: no more."""
        # A client that does not read misses some of it, but not the end.
        if self._sink and (not sentence or not self._flow.held):
            # Well ahead of the program's output: a client may print what comes together on stdout first.
            line = self._waiting_line.show(sentence) if sentence else self._waiting_line.wipe()
            self._sink.output_received(line, stderr=True)

    @abstractmethod
    def _now_running(self) -> None:
        """The program runs, and its terminal has its size."""

    @abstractmethod
    def _note_exit(self, exited: Exited) -> None:
        """The program ended; this is reported behind its last byte."""

    @abstractmethod
    def _refused(self, refused: Refused) -> None:
        """The program will not run, or is lost."""
