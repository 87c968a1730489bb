"""A control shell that is an exec of its own."""

from __future__ import annotations

from ..engine.errors import TimedOut
from ..engine.interface import ControlInput
from ..engine.launcher import SHELL
from ..engine.types import ExecSpec
from .specs import IDLE_USER
from .surroundings import Surroundings


class ExecShell:
    """Obeys lines as `user`, uid 0 unless said otherwise, and ends when it is let go.

    Belongs to the thread of the container's owner.
    """

    def __init__(self, surroundings: Surroundings, container_id: str, script: str, user: str = IDLE_USER) -> None:
        self._engine = surroundings.engine
        self._timeout = surroundings.docker.timeouts.command_start
        self._container_id = container_id
        self._script = script
        self._user = user
        self._input: ControlInput | None = None
        self._ready = False
        self._timed_out: TimedOut | None = None

    def begin(self, *, patience: float | None = None) -> None:
        """Start it, unless that was done. `patience`: seconds for the exec's create alone. Raises EngineError."""
        if self._input:
            return
        if self._timed_out:
            # Its owner has waited once: a shell that is asked for again and again must not keep him.
            raise self._timed_out
        try:
            self._input = self._begun(patience or self._timeout)
        except TimedOut as error:
            self._timed_out = error
            raise

    def send_line(self, line: str, *, timeout: float) -> None:
        """Have a line obeyed, beginning first if need be. Raises EngineError; NotFound: there is no such shell."""
        self.begin()
        assert self._input
        if not self._ready:
            self._input.await_ready(timeout=timeout)
            self._ready = True
        self._input.send_line(line, timeout=timeout)

    def _begun(self, patience: float) -> ControlInput:
        spec = ExecSpec(argv=(SHELL, "-c", self._script), user=self._user)
        exec_id = self._engine.create_exec(self._container_id, spec, timeout=patience)
        return self._engine.start_control(exec_id, timeout=self._timeout)

    def close(self) -> None:
        """Let it go. Idempotent, never raises."""
        held, self._input = self._input, None
        if held:
            held.close()
