"""What a client asks of its session besides the bytes: variables, a terminal, signals."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager

from ..actors.log import Log
from ..actors.messages import RequestPty, ResizeWindow, SendSignal, SetEnv
from ..actors.ref import Ref, post
from ..actors.refusals import RefusedError, recorded, refuse
from ..actors.requests import check_env, check_signal, check_subsystem
from ..config.models import ExecutionConfig
from ..metrics.codes import Code
from ..metrics.counters import Metrics
from .pending_requests import PendingRequests
from .program_input import ProgramInput
from .waiting_line import WaitingLine


class SessionRequests:
    """Checks the requests of a channel and passes them on to its session actor. Loop only."""

    def __init__(self, metrics: Metrics, log: Log, execution: ExecutionConfig, program_input: ProgramInput) -> None:
        self._metrics = metrics
        self._log = log
        self._execution = execution
        self._input = program_input
        self._windows = 0
        self._actor: Ref | None = None
        self._waiting_line = WaitingLine()
        self._pending = PendingRequests(lambda request: post(self._actor, request))
        self._tty = False
        self._started = False
        self._over = False
        self._closed = False

    def bind(self, actor: Ref) -> None:
        """Give it the session actor. Once, before anything else; without one its program is refused."""
        self._actor = actor

    def env(self, name: str, value: str) -> None:
        """Set a variable for the program (RFC 4254 §6.4). Raises RefusedError."""
        with self._recorded():
            self._before_start()
            check_env(name, value)
        post(self._actor, SetEnv(name, value))

    def pty(self, term: str, columns: int, rows: int, modes: Mapping[int, int] | None = None) -> None:
        """Give the program a terminal (RFC 4254 §6.2). `modes` are opcodes and arguments (§8). Raises RefusedError."""
        with self._recorded():
            self._before_start()
        self._tty = True
        self._waiting_line.columns = columns
        post(self._actor, RequestPty(term, columns, rows, tuple((modes or {}).items())))

    def window(self, columns: int, rows: int) -> None:
        """Tell the terminal its new size (RFC 4254 §6.7). Raises RefusedError without a terminal."""
        with self._recorded():
            if not self._tty:
                raise RefusedError(refuse(Code.REQUEST_OUT_OF_ORDER, "a window change without a terminal"))
        self._waiting_line.columns = columns
        self._windows += 1
        self._input.window_told(self._windows)
        self._pending.add(ResizeWindow(columns, rows, self._windows))

    def check_subsystem(self, name: str) -> None:
        """Raise RefusedError, now rather than when it is started, unless there is such a subsystem."""
        with self._recorded():
            check_subsystem(name, self._execution)

    def signal(self, name: str) -> None:
        """Send a signal, named without SIG, to the program's process group (RFC 4254 §6.9). Raises RefusedError."""
        with self._recorded("signal_refused", "info"):
            check_signal(name)
            if not self._started or self._over:
                raise RefusedError(refuse(Code.REQUEST_OUT_OF_ORDER, "a signal, and no program"))
        self._pending.add(SendSignal(name))

    def _recorded(self, event: str = "session_refused", level: str = "error") -> AbstractContextManager[None]:
        return recorded(event, self._log, self._metrics, level)

    def _before_start(self) -> None:
        if self._closed:
            raise RefusedError(refuse(Code.REQUEST_OUT_OF_ORDER, "the channel is closed"))
        if self._started:
            raise RefusedError(refuse(Code.PROGRAM_ALREADY_STARTED, "a request behind the start of the program"))
