"""A session of connection mode: an exec in the connection's container."""

from __future__ import annotations

import time

from ..engine.control_shell import hangup_line, signal_line
from ..engine.errors import EngineError
from ..engine.launcher import Program
from ..engine.types import ExecSpec, ProgramEnded
from ..metrics.codes import Code
from .messages import ContainerReady, ContainerWanted, ControlLine, RunExec, RunShell, RunSubsystem
from .ref import post
from .refusals import RefusedError, record, refuse, refuse_for
from .session import KILLED, SessionActor
from .specs import client_environment, program_argv, terminal_size
from .transitions import State

_LONGEST_DOUBT = 0.5


class ExecSession(SessionActor):
    """Owns an exec. Its program is signalled and ended through the container's control shell, by the pid it said."""

    _program: Program
    _exec_id = ""
    _pid: int | None = None
    _size: tuple[int, int] | None = None
    _early_end: ProgramEnded | None = None
    _killed = False

    def handle(self, message: object) -> None:
        if isinstance(message, ProgramEnded) and self.state is State.OPENING:
            # Its first line, which tells whether it began at all, is still on its way.
            self._early_end = message
        elif message == ProgramEnded(KILLED) and not self._killed:
            # It may have been its container that was killed, whose end comes a moment later: then the user is told.
            self._killed = True
            self.surroundings.house.timers.after(_LONGEST_DOUBT, self.actor_ref, message)
        else:
            super().handle(message)

    def prepare(self, program: Program, request: RunShell | RunExec | RunSubsystem) -> None:
        self._program = program
        self.began = time.monotonic()
        post(self.parent, ContainerWanted(self.actor_ref))

    def mode_news(self, message: object) -> None:
        if isinstance(message, ContainerReady):
            self._container_ready(message)

    def opened(self, pid: int | None) -> None:
        self._pid = pid
        self.metrics.program_started(time.monotonic() - self.began)
        if self._size != terminal_size(self.pty):
            self.tell_size()
        if self._early_end:
            post(self.actor_ref, self._early_end)

    def signal(self, name: str) -> None:
        if self._pid is None:
            refused = refuse(Code.REQUEST_OUT_OF_ORDER, "the program does not run yet")
            record(refused, "signal_refused", self.log.bind(signal=name), self.metrics, "info")
            return
        post(self.parent, ControlLine(signal_line(name, self._pid)))

    def resize(self, columns: int, rows: int) -> None:
        self.engine.resize_exec(self._exec_id, columns, rows, timeout=self.timeouts.window)

    def ask_exit_status(self) -> int | None:
        state = self.engine.inspect_exec(self._exec_id, timeout=self.timeouts.http)
        return None if state.running else state.exit_code

    def hang_up(self) -> None:
        if self._pid is not None:
            post(self.parent, ControlLine(hangup_line(self._pid)))

    def release(self) -> None:
        if self._exec_id:
            self.surroundings.house.watcher.forget(self._exec_id)
        super().release()

    def _container_ready(self, ready: ContainerReady) -> None:
        self.log = self.log.bind(container=ready.name)
        self._size = terminal_size(self.pty)
        argv = program_argv(
            self.execution, self._program, self.pty, say_pid=True, sizes_terminals=self.engine.sizes_terminals
        )
        spec = ExecSpec(
            argv=argv,
            env=tuple(client_environment(self.execution, self.env)),
            user=ready.user,
            tty=self.pty is not None,
            size=self._size,
        )
        try:
            self._exec_id = self.engine.create_exec(ready.container_id, spec, timeout=self.timeouts.command_start)
        except EngineError as error:
            raise RefusedError(refuse_for(error, Code.PROGRAM_START_FAILED)) from error
        self.watch(self._exec_id)
        self.port.open_exec(self._exec_id, tty=spec.tty, timeout=self.timeouts.command_start)
