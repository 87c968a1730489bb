"""A session of session mode: a container of its own, whose main process is the program."""

from __future__ import annotations

import time
from contextlib import suppress
from signal import SIGCONT

from ..engine.control_shell import (
    CONTINUE_LINE,
    GUARD_SHELL,
    GUARD_WITHOUT_INIT,
    HANGUP_SECONDS,
    hangup_all_line,
    signal_main_line,
)
from ..engine.errors import EngineError, NotFound, TimedOut
from ..engine.errors import Refused as EngineRefused
from ..engine.keeper import KILLS_GROUP, kept_argv
from ..engine.launcher import Program
from ..engine.pipes.sharing import ContainerPipes
from ..engine.tty_modes import is_told
from ..engine.types import ContainerDied, ContainerKilled, ContainerSpec, ImageInfo, MemoryExhausted
from ..metrics.codes import Code
from .container import OwnedContainer, make_network
from .exec_shell import ExecShell
from .messages import (
    FirstOutput,
    GuardDue,
    ImageFailed,
    ImageReady,
    RunExec,
    RunShell,
    RunSubsystem,
    StreamOpened,
)
from .naming import connection_labels, container_name
from .owner import ContainerOwner
from .ports import SessionPort
from .ref import Ref
from .refusals import Refused, RefusedError, refuse, refuse_for
from .session import SessionActor
from .specs import (
    bare_environment,
    guard_user,
    joins_own_network,
    program_argv,
    program_container,
    program_user,
    terminal_size,
)
from .stop_messages import StopSuspected
from .surroundings import Surroundings
from .transitions import State
from .turn_messages import StartOverdue, StartTurn

_SILENCE_BEFORE_GUARD = 1.0
_PAUSE_BEFORE_GUARD = 0.2
_LONGEST_DEAFNESS = 2.0
_GUARD_PATIENCE = 0.5
_PAUSE_WITHOUT_GUARD = 2.0
_FIRST_LOOK, _LONGEST_LOOK = 2.0, 20.0
_STARTING = (State.PREPARING, State.OPENING)


class ContainerSession(SessionActor, ContainerOwner):
    """Owns a container and its guard: an exec of uid 0 that kills the program when the gateway is gone."""

    def __init__(
        self,
        parent: Ref,
        surroundings: Surroundings,
        port: SessionPort,
        connection_id: str,
        client: str,
        user: str,
    ) -> None:
        super().__init__(parent, surroundings, port)
        self._labels = connection_labels(surroundings.labels, connection_id, client, user)
        self.username = user
        self._program: Program | None = None
        self._size: tuple[int, int] | None = None
        self._guard: ExecShell | None = None
        self._guard_user = ""
        self._guard_begun = False
        self._started = False
        self._signalled = False
        self._killed_by = 0
        self._exhausted = False

    def handle(self, message: object) -> None:
        match message:
            case ContainerKilled(signal):
                if signal != SIGCONT:
                    self._killed_by = 0 if self._signalled else signal
            case MemoryExhausted():
                self.log.info("memory_exhausted", code=Code.OUT_OF_MEMORY)
                self._exhausted = True
            case _:
                super().handle(message)
        if self.state not in _STARTING:
            self.give_turn_back()

    def prepare(self, program: Program, request: RunShell | RunExec | RunSubsystem) -> None:
        self.began = time.monotonic()
        image_decides = isinstance(request, RunShell) and not self.execution.shell_command
        self._program = None if image_decides else program
        self.seek_image()

    def image_at_hand(self, image: ImageInfo) -> None:
        name = container_name(self.execution.containername, self.username)
        user = program_user(self.execution, image)
        self._guard_user = guard_user(self.execution, user)
        env, size = self.env, terminal_size(self.pty)
        alone = self._stands_alone(image)
        kept = alone and self.execution.has_init
        if not self._program:
            env = bare_environment(user, self.pty) | env
        if kept:
            env = env | dict([KILLS_GROUP])
        sized = self._program or (self.engine.sizes_terminals and is_told(size))
        self._size = size if sized else None

        def spec(pipes: ContainerPipes | None) -> ContainerSpec:
            argv = self._launcher(self._program, pipes, user) if self._program else None
            argv = self._kept(argv) if argv and kept else argv
            return program_container(self.execution, name, self._labels, argv=argv, env=env, pty=self.pty)

        self._seek_network()
        container = self.make_container(name, spec, piped=alone)
        self.watch(container.id)
        self.state = State.OPENING
        self.port.open_attach(
            container.id, tty=self.pty is not None, timeout=self.timeouts.command_start, fifos=self.take_fifos()
        )

    def mode_news(self, message: object) -> None:
        match message:
            case ImageReady():
                self.image_present()
            case ImageFailed(refused):
                self.refused(refused)
            case StartTurn() | StartOverdue():
                self.turn_news(message)
            case FirstOutput():
                self._guard_after(_PAUSE_BEFORE_GUARD)
            case GuardDue():
                self._start_guard()
            case StopSuspected(pause):
                self._continue_stopped(pause)

    def opened(self, stream: StreamOpened) -> None:
        if self.container:
            self._start(self.container)

    def signal(self, name: str) -> None:
        # The engine itself reaches the program only, not its process group.
        if self.execution.has_init:
            self._start_guard()
            if self._by_guard(signal_main_line(name), self.timeouts.signal):
                return
        # Without an init the program is pid 1, which no signal from inside reaches that it does not take.
        if self.container:
            self._signalled = True
            self._kill(self.container, name)

    def resize(self, columns: int, rows: int) -> None:
        if self.container:
            self.engine.resize_container(self.container.id, columns, rows, timeout=self.timeouts.window)

    def ask_exit_status(self, timeout: float) -> int | None:
        if not self.container:
            raise NotFound("container_inspect", "the container was dropped")
        if self.state is State.SILENT and not self._started:
            raise NotFound("container_inspect", "its stream ended before the container was started")
        return self.engine.inspect_container(self.container.id, timeout=timeout).exit_code

    def cause_of(self, end: ContainerDied) -> Refused | None:
        if end.oom or self._exhausted:
            return refuse(Code.OUT_OF_MEMORY, "the kernel killed something in the container")
        if self._killed_by and end.exit_code == 128 + self._killed_by:
            return refuse(Code.CONTAINER_LOST, "somebody killed the container")
        return None

    def hang_up(self) -> bool:
        if not self.container or not self._started:
            return False
        if not self._by_guard(hangup_all_line(), HANGUP_SECONDS) or not self.execution.has_init:
            self._kill(self.container, "HUP")
        return True

    def release(self) -> None:
        guard, self._guard = self._guard, None
        if guard:
            guard.close()
        super().release()

    def _seek_network(self) -> None:
        # Where it is missing the engine says so at the start, and removes the container with the stream at its side.
        if joins_own_network(self.execution):
            with suppress(EngineError):
                make_network(self.surroundings)

    def _stands_alone(self, image: ImageInfo) -> bool:
        """Whether there is a launcher and nothing in front of it, nor a terminal: it may be kept, and on pipes.

        Only there it finds its pipes before anybody reads or writes, and only its program's children write later.
        """
        entrypoint = self.execution.container.get("Entrypoint")
        return bool(self._program) and not self.pty and not (image.entrypoint if entrypoint is None else entrypoint)

    def _launcher(self, program: Program, pipes: ContainerPipes | None, user: str) -> tuple[str, ...]:
        if pipes:
            pipes.holder = self.username
        return program_argv(
            self.execution,
            program,
            self.pty,
            say_pid=False,
            sizes_terminals=self.engine.sizes_terminals,
            pipes=self.make_fifos(pipes, user),
        )

    def _kept(self, launcher: tuple[str, ...]) -> tuple[str, ...]:
        return kept_argv(launcher, linger=self.execution.linger_time, cut=f"sshore: {refuse(Code.OUTPUT_CUT, '').user}")

    def _start(self, container: OwnedContainer) -> None:
        # A container that removes itself takes its exit status along: no inspect could make up for the event.
        self.surroundings.house.watcher.ready.wait(_LONGEST_DEAFNESS)
        try:
            container.start()
        except EngineRefused as error:
            raise RefusedError(refuse_for(error, Code.PROGRAM_START_FAILED)) from error
        except EngineError as error:
            raise RefusedError(refuse_for(error, Code.CONTAINER_START_FAILED)) from error
        self._started = True
        self.log.info("container_started", image=self.execution.image)
        if self._size != terminal_size(self.pty):
            # A short program may have ended by now: not being told its size is no failure.
            self.tell_size()
        self.metrics.program_started(time.monotonic() - self.began)
        self._guard_after(_SILENCE_BEFORE_GUARD)
        self._look_after(_FIRST_LOOK)

    def _continue_stopped(self, pause: float) -> None:
        """Under sshd no program is stopped by SIGTSTP, SIGTTIN or SIGTTOU: its process group is an orphan.

        Here docker-init is its parent, in its session, and lets it be stopped for good.
        """
        if self.state is not State.RUNNING or not self.execution.has_init:
            return
        if pause:
            self._look_after(min(2 * pause, _LONGEST_LOOK))
            self._by_guard(CONTINUE_LINE, self.timeouts.signal)
            return
        self._start_guard()
        if not self._by_guard(CONTINUE_LINE, self.timeouts.signal) and self.container:
            # Nobody can look, as in an image without a shell: it goes to the main process alone.
            self._kill(self.container, "CONT")

    def _look_after(self, seconds: float) -> None:
        self.surroundings.house.timers.after(seconds, self.actor_ref, StopSuspected(seconds))

    def _guard_after(self, seconds: float) -> None:
        """Most programs are shorter than the exec of a guard; the janitor watches over them."""
        self.surroundings.house.timers.after(seconds, self.actor_ref, GuardDue())

    def _start_guard(self) -> None:
        if self._guard_begun or not self.container or self.state not in (State.RUNNING, State.SILENT):
            return
        self._guard_begun = True
        script = GUARD_SHELL if self.execution.has_init else GUARD_WITHOUT_INIT
        self._guard = ExecShell(self.surroundings, self.container.id, script, self._guard_user)
        try:
            self._guard.begin(patience=_GUARD_PATIENCE)
        except TimedOut as error:
            self._postpone_guard(error)
        except EngineError as error:
            self._lose_guard(error)

    def _postpone_guard(self, error: TimedOut) -> None:
        if error.operation != "exec_create":
            self._lose_guard(error)
            return
        # Docker Engine answers no create while an ended program's output is stuck, and OutputStalled cannot wait.
        self._guard, self._guard_begun = None, False
        self._guard_after(_PAUSE_WITHOUT_GUARD)

    def _by_guard(self, line: str, timeout: float) -> bool:
        """Have the guard obey, if there is one; return whether it did."""
        if not self._guard:
            return False
        try:
            self._guard.send_line(line, timeout=timeout)
        except TimedOut as error:
            # Still held: it is the container's switch, and an engine that stood still may go on.
            self.log.debug("guard_silent", code=error.code, cause=str(error))
            return False
        except EngineError as error:
            self._lose_guard(error)
            return False
        return True

    def _lose_guard(self, error: EngineError) -> None:
        guard, self._guard = self._guard, None
        if guard:
            guard.close()
        self.log.info("guard_missing", code=error.code, cause=str(error))

    def _kill(self, container: OwnedContainer, name: str) -> None:
        try:
            self.engine.kill_container(container.id, name, timeout=self.timeouts.signal)
        except EngineError as error:
            self.log.info("signal_failed", signal=name, code=error.code, cause=str(error))
