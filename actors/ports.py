"""The loop as actors see it: everything here may be called from any thread, returns at once and never raises."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

from ..engine.pipes.fifos import FifoSet
from .messages import Exited, ResizeWindow, SendSignal
from .primed import PrimedShell
from .ref import Ref
from .refusals import Refused


class SessionPort(Protocol):
    """One session channel in the loop. After `exited` or `refused` nothing else is called but `taken` and `sized`."""

    def open_exec(self, exec_id: str, *, tty: bool, timeout: float, fifos: FifoSet | None = None) -> None:
        """Open the stream of a created exec; answers StreamOpened (with a pid), StartFailed or StreamFailed.

        `fifos` are those that its launcher was told of; they are the loop's from now on.
        """

    def become(self, shell: PrimedShell, order: bytes, *, fifos: FifoSet | None = None) -> None:
        """Have a shell that waits become the program; answers as `open_exec` does, or ShellLost: no program began."""

    def open_attach(self, container_id: str, *, tty: bool, timeout: float, fifos: FifoSet | None = None) -> None:
        """Attach to a created container; answers StreamOpened (without a pid) or StreamFailed."""

    def waiting(self, sentence: str) -> None:
        """Tell a user with a terminal what his program waits for, in place of the sentence before; empty: no more."""

    def taken(self, request: ResizeWindow | SendSignal) -> None:
        """The request is not pending any more: another one like it may be told."""

    def sized(self, number: int) -> None:
        """The program's terminal has the size of this window change, or a later one, or will not get it."""

    def running(self) -> None:
        """The program runs, and its terminal has its size: what was typed ahead may go to it now."""

    def stalled(self, *, over: bool) -> None:
        """The answer to OutputStalled: whether the program has ended, so that the rest must not wait for the client."""

    def exited(self, exited: Exited) -> None:
        """The program ended; the loop reports it behind the last byte of output."""

    def refused(self, refused: Refused) -> None:
        """The program will not run, or is lost: say why and close the channel."""


class ConnectionPort(Protocol):
    """One connection in the loop."""

    def failed(self, refused: Refused) -> None:
        """The connection's container is lost: close the transport when its channels have said their last."""

    def ended(self) -> None:
        """The connection has nothing left: no session, no container."""


class BackendPort(Protocol):
    """The backend in the loop."""

    def drained(self) -> None:
        """The last connection has ended."""

    def root_failed(self, error: BaseException) -> None:
        """The root actor crashed: the process has to end."""


class Timers(Protocol):
    """Messages that come later."""

    def after(self, seconds: float, actor: Ref, message: object) -> None:
        """Tell `actor` the message in so many seconds, unless it has stopped by then."""


class Ledger(Protocol):
    """The list of containers that may exist because of this process, written down outside it."""

    def claim(self, name: str) -> None:
        """Write the name down; afterwards, not before, the container may be created."""

    def release(self, name: str) -> None:
        """The engine says that the container is gone and will not come."""

    @property
    def names(self) -> Collection[str]: ...
