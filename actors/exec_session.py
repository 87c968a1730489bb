"""A session of connection mode: an exec in the connection's container."""

from __future__ import annotations

import time

from ..engine.control_shell import end_left_line, hangup_line, signal_line
from ..engine.errors import Conflict, EngineError, NotFound
from ..engine.launcher import NamedPipes, Program
from ..engine.primed_shell import order_for
from ..engine.raw_text import as_text
from ..engine.tty_modes import is_told
from ..engine.types import ExecSpec, ProgramEnded
from ..metrics.codes import Code
from .messages import (
    CauseKnown,
    CauseWanted,
    ContainerReady,
    ContainerWanted,
    ControlLine,
    FirstOutput,
    RunExec,
    RunShell,
    RunSubsystem,
    SiblingStarts,
    StartFailed,
    StreamFailed,
    StreamOpened,
)
from .primed import PrimedShell, ProgramSpoke, ShellLost
from .ref import post
from .refusals import Refused, RefusedError, record, refuse, refuse_for
from .session import KILLED, SessionActor
from .specs import client_environment, program_argv, terminal_size
from .transitions import State


class ExecSession(SessionActor):
    """Owns an exec. Its program is signalled and ended through the container's control shell, by the pid it said."""

    _program: Program
    _ready: ContainerReady
    _shell: PrimedShell | None = None
    _exec_id = ""
    _pid: int | None = None
    _size: tuple[int, int] | None = None
    _files: tuple[str, ...] = ()
    _piped = False
    _signals_sent: frozenset[str] = frozenset()
    """The lines of signals that the connection has not come to yet."""
    _early_end: ProgramEnded | None = None
    _doubtful: object = None
    """An end that may be the container's, until the connection has said whether it is."""

    def handle(self, message: object) -> None:
        match message:
            case SiblingStarts():
                if not self._piped:
                    self._end_left()
            case ControlLine(line):
                self._signals_sent -= {line}
            case CauseKnown(refused):
                self._cause_known(refused)
            case ProgramEnded() if self.state is State.OPENING:
                # Its first line, which tells whether it began at all, is still on its way.
                self._early_end = message
            case ProgramEnded(code) if code == KILLED and self._runs:
                self._doubt(message)
            case ContainerReady(shell=shell) if shell and self.state is not State.PREPARING:
                shell.dismiss()
            case FirstOutput():
                post(self.parent, ProgramSpoke())
                super().handle(message)
            case StartFailed() | StreamFailed() if self.state is State.OPENING:
                self._doubt(message)
            case _:
                super().handle(message)

    def prepare(self, program: Program, request: RunShell | RunExec | RunSubsystem) -> None:
        self._program = program
        self.began = time.monotonic()
        may_wait = order_for(self._argv(), self._variables) is not None
        post(self.parent, ContainerWanted(self.actor_ref, self._has_terminal if may_wait else None))

    def mode_news(self, message: object) -> None:
        match message:
            case ContainerReady():
                self._container_ready(message)
            case ShellLost(shell) if shell is self._shell and self.state is State.OPENING:
                self._shell_lost()

    def opened(self, stream: StreamOpened) -> None:
        self._pid, self._files, self._piped = stream.pid, stream.files, stream.piped
        if self._shell:
            # Not before: what becomes of a shell that never was the program is nobody's end.
            self.watch(self._exec_id)
            self.log.debug("shell_became_program", tty=self._has_terminal)
        self.metrics.program_started(time.monotonic() - self.began, primed=self._shell is not None)
        if self._size != terminal_size(self.pty):
            self.tell_size()
        if self._early_end:
            post(self.actor_ref, self._early_end)

    def signal(self, name: str) -> None:
        if self._pid is None:
            refused = refuse(Code.REQUEST_OUT_OF_ORDER, "the program does not run yet")
            record(refused, "signal_refused", self.log.bind(signal=name), self.metrics, "info")
            return
        line = signal_line(name, self._pid)
        if line not in self._signals_sent:
            # A shell that does not read must not fill its owner's inbox; nor does the kernel keep a signal twice.
            self._signals_sent |= {line}
            post(self.parent, ControlLine(line, self.actor_ref))

    def resize(self, columns: int, rows: int) -> None:
        self.engine.resize_exec(self._exec_id, columns, rows, timeout=self.timeouts.window)

    def ask_exit_status(self, timeout: float) -> int | None:
        state = self.engine.inspect_exec(self._exec_id, timeout=timeout)
        return None if state.running else state.exit_code

    def exit_learnt(self, status: int) -> None:
        if status == KILLED and self._runs:
            self._doubt(ProgramEnded(status))
        else:
            super().exit_learnt(status)

    def hang_up(self) -> bool:
        if self._pid is None:
            return False
        post(self.parent, ControlLine(hangup_line(self._pid, self._files)))
        return True

    def program_over(self) -> None:
        if not self._piped:
            # The engine has ended the streams: it waited for whoever still holds them, and would delay the next exec.
            self._end_left()
        post(self.parent, ProgramSpoke())

    def missed(self, message: object) -> None:
        if isinstance(message, ContainerReady) and message.shell:
            message.shell.dismiss()

    def release(self) -> None:
        if self._piped and self._program_over:
            # Not before: behind its program's end the loop still listens for a while to what that left behind.
            self._end_left()
        if self._shell:
            self._shell.dismiss()
        if self._exec_id:
            self.surroundings.house.watcher.forget(self._exec_id)
        super().release()

    def _container_ready(self, ready: ContainerReady) -> None:
        self.log = self.log.bind(container=ready.name)
        self._ready = ready
        if ready.shell:
            self._become(ready.shell)
        else:
            self._exec(ready)

    def _become(self, shell: PrimedShell) -> None:
        self._size = terminal_size(self.pty)
        self._shell, self._exec_id = shell, shell.exec_id
        if is_told(self._size) and self.engine.sizes_terminals:
            # The launcher leaves it to the engine, which was not told when this exec was made.
            self._tell_size_early(*self._size)
        order = order_for(self._argv(self.make_fifos(self._ready.pipes, self._ready.user)), self._variables)
        if order is None:
            shell.dismiss()
            self._shell_lost()
        else:
            self.port.become(shell, order, fifos=self.take_fifos())

    def _tell_size_early(self, columns: int, rows: int) -> None:
        try:
            self.resize(columns, rows)
        except EngineError as error:
            self._size = None
            self.log.debug("resize_failed", code=error.code, cause=str(error))

    def _shell_lost(self) -> None:
        self.log.debug("shell_lost", tty=self._has_terminal)
        self._shell = None
        self._exec(self._ready)

    def _exec(self, ready: ContainerReady) -> None:
        self._size = terminal_size(self.pty)
        argv, env = as_text(self._argv(self.make_fifos(ready.pipes, ready.user)), self._variables)
        spec = ExecSpec(
            argv=argv,
            env=env,
            user=ready.user,
            tty=self._has_terminal,
            size=self._size,
        )
        try:
            self._exec_id = self.engine.create_exec(ready.container_id, spec, timeout=self.timeouts.command_start)
        except (Conflict, NotFound) as error:
            self._doubt(refuse_for(error, Code.PROGRAM_START_FAILED))
            return
        except EngineError as error:
            raise RefusedError(refuse_for(error, Code.PROGRAM_START_FAILED)) from error
        self.watch(self._exec_id)
        timeout = self.timeouts.command_start
        self.port.open_exec(self._exec_id, tty=spec.tty, timeout=timeout, fifos=self.take_fifos())

    def _argv(self, pipes: NamedPipes | None = None) -> tuple[str, ...]:
        return program_argv(
            self.execution,
            self._program,
            self.pty,
            say_pid=True,
            sizes_terminals=self.engine.sizes_terminals,
            pipes=pipes,
        )

    @property
    def _variables(self) -> tuple[str, ...]:
        return tuple(client_environment(self.execution, self.env))

    @property
    def _has_terminal(self) -> bool:
        return self.pty is not None

    @property
    def _runs(self) -> bool:
        return self.state in (State.RUNNING, State.SILENT)

    def _end_left(self) -> None:
        if self._pid is not None and self._files:
            post(self.parent, ControlLine(end_left_line(self._pid, self._files)))

    def _doubt(self, end: object) -> None:
        self._doubtful = end
        post(self.parent, CauseWanted(self.actor_ref))

    def _cause_known(self, cause: Refused | None) -> None:
        end, self._doubtful = self._doubtful, None
        if end == ProgramEnded(KILLED) and self._runs:
            self.program_killed(cause)
        elif self.state is State.OPENING:
            super().handle(cause or end)
