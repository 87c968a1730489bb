"""Shells that wait in a container to be told their program: what the loop has of one, and what is told of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from ..engine.interface import ProgramReceiver, ProgramStream, StreamOpener
from ..engine.pipes.order import OrderFifo
from .ref import Ref


class PrimedShell(ProgramStream, Protocol):
    """One shell in the loop, and its exec's stream once it was given its order.

    It tells its `owner` ShellPrimed once it waits, and ShellLost if it ended before it was given an order.
    """

    exec_id: str
    tty: bool
    owner: Ref

    @property
    def has_order(self) -> bool:
        """Whether it has its whole order: it may be the program by now. Loop only."""

    def dismiss(self) -> None:
        """Nobody needs it: it ends, and tells nothing more. Idempotent; any thread, unless it was given its order."""

    def become(self, order: bytes, receiver: ProgramReceiver) -> None:
        """Give it its order: what it says from now on, and its end, are the receiver's. Loop only.

        An order that cannot be delivered, as to a shell that has ended already, is its end, too.
        """


class ShellOpener(Protocol):
    """Starts shells in the loop: any thread, returns at once and never raises."""

    def open_shell(
        self, streams: StreamOpener, exec_id: str, order: OrderFifo, owner: Ref, *, tty: bool, timeout: float
    ) -> PrimedShell:
        """Open the stream of a created exec that waits for its order."""


@dataclass(frozen=True, slots=True)
class ShellPrimed:
    """A shell waits for its order."""

    shell: PrimedShell


@dataclass(frozen=True, slots=True)
class ShellLost:
    """A shell ended, or could not be told its order: no program began.

    One that `babbles` said more than its line. It is still there, unheard, until it is dismissed.
    """

    shell: PrimedShell
    babbles: bool = False


@dataclass(frozen=True, slots=True)
class ProgramSpoke:
    """A program has said its first byte, or has ended: nobody waits for it to begin."""
