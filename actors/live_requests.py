"""What a client asks of its program while that runs, or is about to: signals, and sizes of its terminal."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import replace

from ..engine.errors import EngineError
from .messages import RequestPty, ResizeDue, ResizeWindow
from .owner import Tenant
from .ports import SessionPort
from .ref import Ref, post
from .surroundings import Surroundings
from .transitions import State

_RUNNING = (State.RUNNING, State.SILENT)


class LiveRequests(Tenant):
    """Keeps what comes before the program runs; of many sizes the last one counts."""

    def __init__(self, parent: Ref, surroundings: Surroundings, port: SessionPort) -> None:
        super().__init__(parent, surroundings)
        self.port = port
        self.state = State.NEW
        self.pty: RequestPty | None = None
        self._window = 0
        self._resize_due = False
        self._early_signals: dict[str, None] = {}

    @abstractmethod
    def signal(self, name: str) -> None:
        """Send the signal (without SIG) to the program's process group."""

    @abstractmethod
    def resize(self, columns: int, rows: int) -> None:
        """Tell the program's terminal its size. Raises EngineError."""

    def signal_asked(self, name: str) -> None:
        """Send it when there is a program. One that has ended gets none."""
        if self.state in _RUNNING:
            self.signal(name)
        elif self.state is not State.OVER:
            self._early_signals[name] = None

    def send_early_signals(self) -> None:
        """The program runs, or its launcher, which no signal does anything else to than to a program that begins."""
        names, self._early_signals = self._early_signals, {}
        for name in names:
            self.signal(name)

    def window_changed(self, window: ResizeWindow) -> None:
        """Tell the terminal, after whatever came while the engine was told of the size before."""
        self._window = window.number
        if self.pty:
            self.pty = replace(self.pty, columns=window.columns, rows=window.rows)
        if not self.pty or self.state not in _RUNNING:
            # A program that begins has its size before it gets any input.
            self.port.sized(self._window)
        elif not self._resize_due:
            self._resize_due = True
            post(self.actor_ref, ResizeDue())

    def resize_now(self) -> None:
        """Every change of the window that was told by now is known."""
        self._resize_due = False
        self.tell_size()
        self.port.sized(self._window)

    def tell_size(self) -> None:
        """Tell a running program's terminal, if there is one, its size."""
        if not self.pty or self.state not in _RUNNING:
            return
        try:
            self.resize(self.pty.columns, self.pty.rows)
        except EngineError as error:
            self.log.debug("resize_failed", code=error.code, cause=str(error))
