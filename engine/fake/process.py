"""The processes of a fake engine: Python functions in threads of their own, never processes of the host."""

from __future__ import annotations

import os
import select
import signal as signals
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol, TypeVar

from .pipes import InputPipe, OutputPipe
from .tty import Terminal

T = TypeVar("T")

_POLL_SECONDS = 0.002
KILLED = 128 + signals.SIGKILL

_IGNORED = frozenset({"CHLD", "CONT", "URG", "WINCH"})


class Terminated(BaseException):
    """Raised inside a program by the signal that ends it; not an Exception, so that programs let it through."""

    def __init__(self, exit_code: int) -> None:
        super().__init__(exit_code)
        self.exit_code = exit_code


class Neighbours(Protocol):
    """What a process sees of the container that it runs in."""

    def signal_process(self, pid: int, signal: str) -> bool:
        """Return whether there is such a process."""

    def signal_main(self, signal: str) -> None: ...

    def shared_path(self, path: str) -> Path | None:
        """Return where a path of the container is on the gateway's host, None if that does not share it."""


class FakeProcess:
    """One program in a container.

    The program calls `read`, `write` and the rest in its own thread; these block, and end it when a signal does.
    `signal` may be called by any thread. Signals are named without SIG.
    """

    def __init__(
        self,
        argv: tuple[str, ...],
        env: Mapping[str, str],
        neighbours: Neighbours,
        *,
        pid: int,
        tty: bool,
        user: str = "",
        workdir: str = "",
    ) -> None:
        self.argv = argv
        self.env = dict(env)
        self.neighbours = neighbours
        self.pid = pid
        self.tty = tty
        self.user = user
        self.workdir = workdir
        self.traps: dict[str, Callable[[], None]] = {}
        """What to call for a signal, instead of ending."""
        self._changed = threading.Condition()
        self._pending: deque[str] = deque()
        self.input = InputPipe(self._changed)
        self.output = OutputPipe(self._changed)
        self._terminal = Terminal(self.input, self.output, self.signal) if tty else None
        self._ended = threading.Event()

    def feed(self, data: bytes | memoryview) -> bool:
        """Pass bytes to stdin; return whether the feeder should wait until `input.drained`. Never blocks."""
        return self._terminal.feed(bytes(data)) if self._terminal else self.input.feed(data)

    def hang_up(self) -> None:
        """Whoever fed stdin is gone: its end, but with a tty nothing at all, as with Docker."""
        if not self.tty:
            self.input.end()

    def start(self, program: Callable[[FakeProcess], int], ended: Callable[[int], None]) -> None:
        """Run `program` in a new thread, then call `ended` there with its exit code."""
        name = f"fake-process-{self.pid}"
        threading.Thread(target=self._run, args=(program, ended), name=name, daemon=True).start()

    def wait_ended(self, timeout: float) -> bool:
        """Return whether it ended, and everybody was told, within `timeout` seconds."""
        return self._ended.wait(timeout)

    def signal(self, signal: str) -> None:
        with self._changed:
            self._pending.append(signal)
            self._changed.notify_all()

    def read(self, size: int = 64 * 1024) -> bytes:
        """Return some of stdin, b"" at its end."""
        return self._await(lambda: self.input.take(size))

    def read_line(self) -> bytes:
        """Return a line of stdin with its newline, b"" at the end."""
        return self._await(self.input.take_line)

    def write(self, data: bytes, *, stderr: bool = False) -> None:
        """Write, waiting while the pipe is full. A tty turns newlines into CR LF and knows no stderr."""
        if self.tty:
            data, stderr = data.replace(b"\n", b"\r\n"), False
        self._await(lambda: None if self.output.full else True)
        self.output.put(data, stderr=stderr)

    def sleep(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        self._await(lambda: time.monotonic() >= deadline or None, deadline)

    def read_fifo(self, path: Path) -> bytes:
        """Return all that the next writer of a FIFO writes."""
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        try:
            return b"".join(iter(lambda: self._await_fifo(descriptor), b""))
        finally:
            os.close(descriptor)

    def wait_for_signal(self) -> None:
        """Return after the next signal that does not end the program."""
        with self._changed:
            while not self._handle_signals():
                self._changed.wait()

    def _await(self, attempt: Callable[[], T | None], deadline: float | None = None) -> T:
        with self._changed:
            while True:
                self._handle_signals()
                result = attempt()
                if result is not None:
                    return result
                self._changed.wait(None if deadline is None else max(0.0, deadline - time.monotonic()))

    def _await_fifo(self, descriptor: int) -> bytes:
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        while not poll.poll(0):
            self.sleep(_POLL_SECONDS)
        return os.read(descriptor, 64 * 1024)

    def _handle_signals(self) -> int:
        handled = 0
        while self._pending:
            signal = self._pending.popleft()
            trap = self.traps.get(signal)
            if signal != "KILL" and trap is not None:
                trap()
            elif signal not in _IGNORED:
                raise Terminated(128 + signals.Signals[f"SIG{signal}"])
            handled += 1
        return handled

    def _run(self, program: Callable[[FakeProcess], int], ended: Callable[[int], None]) -> None:
        exit_code = 1
        try:
            exit_code = program(self)
        except Terminated as end:
            exit_code = end.exit_code
        finally:
            ended(exit_code & 0xFF)
            self.output.end()
            self._ended.set()
