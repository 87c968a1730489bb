"""The actor of one session channel: what is the same in both modes."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

from ..engine.control_shell import HANGUP_SECONDS
from ..engine.errors import EngineError, NotFound, TimedOut
from ..engine.errors import Refused as EngineRefused
from ..engine.launcher import NamedPipes, Program
from ..engine.pipes.budget import BudgetSpentError
from ..engine.pipes.fifos import FifoSet
from ..engine.pipes.sharing import ContainerPipes
from ..engine.primed_shell import is_inert
from ..engine.types import ContainerDied, ContainerGone, EventsLost, ProgramEnded
from ..metrics.codes import Code
from .live_requests import LiveRequests
from .messages import (
    ChannelClosed,
    ContainerLost,
    Exited,
    ExitOverdue,
    HangupOver,
    OutputEnded,
    OutputStalled,
    PullNews,
    RequestPty,
    ResizeDue,
    ResizeWindow,
    RunExec,
    RunShell,
    RunSubsystem,
    SendSignal,
    SetEnv,
    StartFailed,
    StreamFailed,
    StreamOpened,
)
from .ports import SessionPort
from .ref import Ref
from .refusals import CANNOT_EXECUTE, FAILED, Refused, RefusedError, record, refuse, refuse_for
from .requests import check_env, check_signal, program_for
from .surroundings import Surroundings
from .transitions import OutOfOrderError, State, next_state

KILLED = 128 + 9
_EXIT_GRACE = 0.1
_LONGEST_EXIT_PAUSE = 5.0
_LATEST_EVENT = 1.0
_LAST = -1
"""The number of the question behind which nobody waits for an event any more."""
_STALL_ANSWER = 0.4
_KINDS = {RunShell: "shell", RunExec: "exec", RunSubsystem: "subsystem"}


class SessionActor(LiveRequests):
    """Follows the table of transitions; the two modes differ in how a program starts, is signalled and ends."""

    role: ClassVar[str] = "session"

    def __init__(self, parent: Ref, surroundings: Surroundings, port: SessionPort) -> None:
        super().__init__(parent, surroundings, port)
        self.env: dict[str, str] = {}
        self.began = 0.0
        self._kind = ""
        self._program_over = False
        self._waited_for_events = False
        self._told_end = False
        self._hung_up = False
        self._loss: Refused | None = None
        self._fifos: FifoSet | None = None

    @abstractmethod
    def prepare(self, program: Program, request: RunShell | RunExec | RunSubsystem) -> None:
        """Begin to start the program. May raise RefusedError."""

    @abstractmethod
    def ask_exit_status(self, timeout: float) -> int | None:
        """Ask the engine, for `timeout` seconds: the exit status, None while the program runs. Raises EngineError."""

    @abstractmethod
    def hang_up(self) -> bool:
        """The session ends before its program: begin to end the program; return whether there is one."""

    @abstractmethod
    def opened(self, stream: StreamOpened) -> None:
        """The program's stream is open. May raise RefusedError."""

    def cause_of(self, end: ContainerDied) -> Refused | None:
        """Why its own container died, if it had one and the user has to be told."""
        return None

    def program_over(self) -> None:
        """The program ended by itself."""

    @abstractmethod
    def mode_news(self, message: object) -> None:
        """Messages that only one of the modes gets. May raise RefusedError."""

    def handle(self, message: object) -> None:
        before = self.state
        if isinstance(message, ResizeWindow | SendSignal):
            self.port.taken(message)
        try:
            self.state = next_state(before, message)
            self._act(message, before)
        except OutOfOrderError as error:
            refused = refuse(Code.REQUEST_OUT_OF_ORDER, str(error))
            record(refused, "request_out_of_order", self.log, self.metrics, "warning")
        except RefusedError as error:
            self.refused(error.refused)

    def _act(self, message: object, before: State) -> None:
        match message:
            case _ if before is State.LEAVING:
                self._end_once_left()
            case SetEnv(name, value):
                check_env(name, value)
                self.env[name] = value
            case RequestPty():
                self.pty = message
            case RunShell() | RunExec() | RunSubsystem():
                self._run(message)
            case ResizeWindow():
                self.window_changed(message)
            case ResizeDue():
                self.resize_now()
            case SendSignal(name):
                check_signal(name)
                self.signal_asked(name)
            case Refused():
                self.refused(message)
            case ChannelClosed():
                self._leave()
            case _ if before is not State.OVER:
                self._program_news(message)

    def _program_news(self, message: object) -> None:
        match message:
            case StreamOpened():
                self.opened(message)
                self.send_early_signals()
                self.port.running()
            case StreamFailed(EngineRefused() as error):
                self.refused(refuse_for(error, Code.PROGRAM_START_FAILED))
            case StreamFailed(error):
                self.refused(refuse(Code.STREAM_FAILED, str(error)))
            case StartFailed(text, code):
                self.refused(refuse(code, text, status=CANNOT_EXECUTE))
            case ProgramEnded(code):
                self._exited(code)
            case ContainerDied(code):
                self._exited(code, self.cause_of(message))
            case ContainerGone():
                self.refused(refuse(Code.CONTAINER_LOST, "the engine removed the container"))
            case ContainerLost(refused):
                self._container_lost(refused)
            case OutputEnded() | EventsLost():
                self._expect_exit(_EXIT_GRACE, 0)
            case OutputStalled():
                self.port.stalled(over=self._has_ended())
            case ExitOverdue(asked):
                self._ask_exit(asked)
            case PullNews(sentence):
                if self.pty:
                    self.port.waiting(sentence)
            case _:
                self.mode_news(message)

    def refused(self, refused: Refused) -> None:
        if self.state in (State.LEAVING, State.CLOSED) or self._told_end:
            return
        self.state = State.OVER
        record(refused, "session_refused", self.log, self.metrics)
        self._tell_end(refused)

    def failed(self, error: BaseException) -> None:
        self._tell_end(refuse(Code.INTERNAL_ERROR, repr(error)))

    def release(self) -> None:
        if not self._program_over and not self._hung_up:
            self.hang_up()
        self._close_fifos()
        self._tell_early_end()
        self._count_end()
        super().release()

    def make_fifos(self, pipes: ContainerPipes | None, user: str) -> NamedPipes | None:
        """Make FIFOs for the program, which starts next, as `user`; return what its launcher has to be told of them.

        None if the engine is to carry its bytes, as with a terminal it always does. May raise RefusedError.
        """
        self._close_fifos()
        if pipes:
            pipes.program_starts(plain=not self.pty and all(map(is_inert, self.env)))
        if pipes is None or self.pty:
            return None
        try:
            self._fifos = pipes.make_set(user)
        except OSError as error:
            if pipes.must and not isinstance(error, BudgetSpentError):
                raise RefusedError(refuse(Code.PROGRAM_START_FAILED, f"no named pipes: {error}")) from error
            self.log.info("without_named_pipes", cause=str(error))
        return pipes.told_to(self._fifos) if self._fifos else None

    def take_fifos(self) -> FifoSet | None:
        """Return what was made, which is the caller's to close from now on."""
        fifos, self._fifos = self._fifos, None
        return fifos

    def exit_learnt(self, status: int) -> None:
        """The engine was asked how the program ended, no event told."""
        self._exited(status, self.cause_of(ContainerDied(status, oom=False)))

    def program_killed(self, cause: Refused | None) -> None:
        """Its program was killed, and this is why: None if the container has no part in it."""
        self._loss = cause or self._loss
        self._exited(KILLED)

    def _close_fifos(self) -> None:
        fifos = self.take_fifos()
        if fifos:
            fifos.close()

    def _leave(self) -> None:
        self._tell_early_end()
        self._hung_up = True
        if self._program_over or not self.hang_up():
            self.end()
            return
        self.state = State.LEAVING
        self.surroundings.house.timers.after(HANGUP_SECONDS, self.actor_ref, HangupOver())

    def _end_once_left(self) -> None:
        if self.state is State.CLOSED:
            self.end()

    def _tell_early_end(self) -> None:
        # A channel that is closed does not listen; one whose connection ends, or crashed, still waits.
        self._tell_end(refuse(Code.CONNECTION_ENDING, "the session ended before its program"))

    def _run(self, request: RunShell | RunExec | RunSubsystem) -> None:
        self._kind = _KINDS[type(request)]
        self.metrics.session_started(self._kind)
        self.prepare(program_for(request, self.execution), request)

    def _container_lost(self, refused: Refused) -> None:
        self._loss = refused
        if self.state is State.OVER:
            # It had no program in it yet, whose end could be told.
            self.refused(refused)
        else:
            self._expect_exit(_EXIT_GRACE, 0)

    def _exited(self, status: int, why: Refused | None = None) -> None:
        self.state = State.OVER
        self._program_over = True
        why = why or (self._loss if status == KILLED else None)
        self.log.info("program_ended", status=status, **({"code": why.code} if why else {}))
        self._tell_end(Exited(status, why.user if why else ""))
        self.program_over()

    def _expect_exit(self, pause: float, asked: int) -> None:
        self.surroundings.house.timers.after(pause, self.actor_ref, ExitOverdue(asked))

    def _ask_exit(self, asked: int) -> None:
        try:
            status = self.ask_exit_status(self.timeouts.http)
        except NotFound:
            self._forgotten(asked)
        except EngineError as error:
            self.refused(refuse_for(error, Code.EXIT_UNKNOWN))
        else:
            if status is not None:
                self.exit_learnt(status)
            elif self.state is State.SILENT:
                self._expect_exit(min(_EXIT_GRACE * 2**asked, _LONGEST_EXIT_PAUSE), asked + 1)

    def _has_ended(self) -> bool:
        try:
            return self.ask_exit_status(_STALL_ANSWER) is not None
        except NotFound:
            return True
        except TimedOut:
            # Docker Engine answers nothing about a container whose program has ended and whose output is stuck.
            return True
        except EngineError:
            return False

    def _forgotten(self, asked: int) -> None:
        if self.state is State.RUNNING:
            # Its output is not over yet; who sees that end asks again.
            return
        if asked != _LAST:
            # The event may be on its way: podman looks for new ones four times a second. Several may be asking.
            if not self._waited_for_events:
                self._waited_for_events = True
                self._expect_exit(_LATEST_EVENT, _LAST)
            return
        self.log.warning("exit_unknown", code=Code.EXIT_UNKNOWN, cause="the engine does not know the program any more")
        self._exited(FAILED, self._loss or refuse(Code.CONTAINER_LOST, ""))

    def _tell_end(self, end: Exited | Refused) -> None:
        if self._told_end:
            return
        self._told_end = True
        if isinstance(end, Exited):
            self.port.exited(end)
        else:
            self.port.refused(end)

    def _count_end(self) -> None:
        kind, self._kind = self._kind, ""
        if kind:
            self.metrics.session_ended()
