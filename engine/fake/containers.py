"""The containers and execs of a fake engine, and when they end."""

from __future__ import annotations

import secrets
import signal as signals
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import Conflict
from ..types import (
    ContainerDied,
    ContainerGone,
    ContainerKilled,
    ContainerSpec,
    ContainerState,
    EngineEvent,
    ExecSpec,
    ExecState,
    MemoryExhausted,
    ProgramEnded,
)
from .commands import COMMANDS
from .events import EventHub
from .faults import Faults
from .guest import find_program
from .process import FakeProcess
from .shell import Command

_FIRST_PID = 7
_CANNOT_START = 126

Size = tuple[int, int]
"""Columns and rows."""


@dataclass(frozen=True, slots=True)
class FakeImage:
    """An image: what a container of it gets unless it says otherwise, and the commands found inside."""

    user: str = ""
    workdir: str = ""
    platform: str = "linux/amd64"
    cmd: tuple[str, ...] = ("sh",)
    env: tuple[str, ...] = ()
    commands: Mapping[str, Command] = field(default_factory=lambda: dict(COMMANDS))
    build: str = ""
    """Another one makes it another image, whatever its name."""


class FakeExec:
    """An exec of a container."""

    def __init__(self, container: FakeContainer, spec: ExecSpec, process: FakeProcess) -> None:
        self.id = secrets.token_hex(32)
        self.container = container
        self.spec = spec
        self.process = process
        self.sizes: list[Size] = []
        """Every size that it was given."""
        self.state = ExecState(running=False, exit_code=None)
        self._started = False

    def start(self) -> FakeProcess:
        """Return what the stream leads to; raises Conflict when the container does not run.

        What cannot start is told in Docker's way: the stream opens, says why on stdout and ends; no event comes.
        """
        with self.container.lock:
            if not self.container.running:
                raise Conflict("exec_start", f"container {self.container.id} is not running")
            first, self._started = not self._started, True
        if not first:
            return _complaint(self.process, f"Error: Exec command {self.id} has already run\r\n")
        argv = self.process.argv
        program = find_program(argv, self.container.image.commands)
        if program is None:
            self.state = ExecState(running=False, exit_code=_CANNOT_START)
            return _complaint(self.process, f'exec: "{argv[0]}": executable file not found in $PATH\r\n')
        self.state = ExecState(running=True, exit_code=None)
        self.process.start(program, self._ended)
        return self.process

    def _ended(self, exit_code: int) -> None:
        self.state = ExecState(running=False, exit_code=exit_code)
        self.container.await_readers(self.process)
        self.container.publish(self.id, ProgramEnded(exit_code))


def _complaint(process: FakeProcess, sentence: str) -> FakeProcess:
    said = FakeProcess(process.argv, {}, process.neighbours, pid=process.pid, tty=process.tty)
    said.write(sentence.encode())
    said.output.end()
    return said


class FakeContainer:
    """A container (`Neighbours` for its processes). Any thread."""

    def __init__(self, spec: ContainerSpec, image: FakeImage, events: EventHub, faults: Faults) -> None:
        config = spec.config
        self.id = secrets.token_hex(32)
        self.name = spec.name
        self.spec = spec
        self.image = image
        self.labels: Mapping[str, str] = dict(config.get("Labels") or {})
        self.created = time.time()
        self.lock = threading.RLock()
        self.status = "created"
        self.exit_code: int | None = None
        self.execs: dict[str, FakeExec] = {}
        self.sizes: list[Size] = []
        """Every size that it was given."""
        self.gone = threading.Event()
        """Set when the engine has removed it."""
        self._events = events
        self._faults = faults
        self._next_pid = _FIRST_PID
        self._removing = False
        self._oom = False
        argv = (*(config.get("Entrypoint") or ()), *(config.get("Cmd") or image.cmd))
        self.main = self._process(argv, (), bool(config.get("Tty")), str(config.get("User") or ""))
        if not config.get("OpenStdin"):
            self.main.input.end()

    @property
    def running(self) -> bool:
        return self.status == "running"

    @property
    def state(self) -> ContainerState:
        return ContainerState(self.id, self.name, self.running, self.exit_code, oom_killed=self._oom)

    @property
    def stdin_once(self) -> bool:
        """Whether the main program's stdin ends with whoever is attached to it."""
        return bool(self.spec.config.get("StdinOnce"))

    def start(self) -> None:
        """Run the main program. Nothing happens if it runs already."""
        with self.lock:
            if self.running:
                return
            self.status = "running"
        program = find_program(self.main.argv, self.image.commands)
        self.main.start(program or (lambda process: _CANNOT_START), self._main_ended)

    def create_exec(self, spec: ExecSpec) -> FakeExec:
        """Raises Conflict unless it runs."""
        with self.lock:
            if not self.running:
                raise Conflict("exec_create", f"container {self.id} is not running")
            process = self._process(spec.argv, spec.env, spec.tty, spec.user, spec.workdir)
            if not spec.stdin:
                process.input.end()
            made = FakeExec(self, spec, process)
            self.execs[made.id] = made
            return made

    def remove(self) -> None:
        """End everything in it; `gone` tells when it is removed. Raises Conflict when that is under way."""
        with self.lock:
            if self._removing:
                raise Conflict("container_remove", f"removal of container {self.name} is already in progress")
            self._removing = True
            if not self.running:
                self._vanish()
                return
        self.kill("KILL")

    def kill(self, signal: str) -> None:
        """Send the signal to the main program as somebody at the engine does."""
        self.publish(self.id, ContainerKilled(signals.Signals[f"SIG{signal}"]))
        self.main.signal(signal)

    def exhaust_memory(self, process: FakeProcess) -> None:
        """Kill the process as the kernel does when the container's memory is used up."""
        self._oom = process is self.main
        self.publish(self.id, MemoryExhausted())
        process.signal("KILL")

    def publish(self, about: str, event: EngineEvent) -> None:
        self._events.publish(self.labels, about, event)

    def await_readers(self, process: FakeProcess) -> None:
        """Keep what an ended process said for whoever still reads it, as long as an engine does."""
        if self._faults.output_kept is not None:
            process.output.drain(self._faults.output_kept)

    def signal_process(self, pid: int, signal: str) -> bool:
        with self.lock:
            running = [one.process for one in self.execs.values() if one.state.running]
            found = [process for process in (self.main, *running) if process.pid == pid]
        for process in found:
            process.signal(signal)
        return bool(found)

    def signal_main(self, signal: str) -> None:
        self.main.signal(signal)

    def shared_path(self, path: str) -> Path | None:
        mounts = (self.spec.config.get("HostConfig") or {}).get("Mounts") or ()
        for mount in mounts if self._faults.shares_directories else ():
            if path.startswith(f"{mount['Target']}/"):
                return Path(mount["Source"], path.removeprefix(f"{mount['Target']}/"))
        return None

    def _process(
        self, argv: tuple[str, ...], env: tuple[str, ...], tty: bool, user: str, workdir: str = ""
    ) -> FakeProcess:
        config = self.spec.config
        pid, self._next_pid = self._next_pid, self._next_pid + 1
        return FakeProcess(
            argv,
            dict(entry.partition("=")[::2] for entry in (*self.image.env, *(config.get("Env") or ()), *env)),
            self,
            pid=pid,
            tty=tty,
            user=user or config.get("User") or self.image.user,
            workdir=workdir or config.get("WorkingDir") or self.image.workdir,
        )

    def _main_ended(self, exit_code: int) -> None:
        with self.lock:
            self.status, self.exit_code = "exited", exit_code
            execs = list(self.execs.values())
        for one in execs:
            one.process.signal("KILL")
        self.await_readers(self.main)
        self.publish(self.id, ContainerDied(exit_code, oom=self._oom))
        host = self.spec.config.get("HostConfig") or {}
        if self._removing or host.get("AutoRemove"):
            self._vanish()

    def _vanish(self) -> None:
        with self.lock:
            if self.gone.is_set():
                return
            self.gone.set()
        self.publish(self.id, ContainerGone())
