"""A shell in a container that waits to be told its program: its exec's stream, until a session takes it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from ..actors.primed import ShellLost, ShellPrimed
from ..actors.ref import Ref, post
from ..engine.interface import ProgramReceiver, ProgramStream, StreamOpener
from ..engine.pipes.order import OrderDelivery, OrderFifo
from .pid_line import MOST_OUTPUT, PidLine
from .timers import in_loop

_PATIENCE = 1.0


class ShellOpener:
    """Starts shells that wait (the actors' `ShellOpener`). Any thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def open_shell(
        self, streams: StreamOpener, exec_id: str, order: OrderFifo, owner: Ref, *, tty: bool, timeout: float
    ) -> PrimedShell:
        return PrimedShell(self._loop, streams, exec_id, order, owner, tty=tty, timeout=timeout)


class PrimedShell:
    """One shell that waits (the actors' `PrimedShell`): any thread. Its stream is the loop's.

    It tells its `owner` ShellPrimed once it waits, and ShellLost if it ended before it became a program, or says more
    than its line; after that, and once it was dismissed, nothing more. Behind `become` it is the stream of whoever
    gave the order.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        streams: StreamOpener,
        exec_id: str,
        order: OrderFifo,
        owner: Ref,
        *,
        tty: bool,
        timeout: float,
    ) -> None:
        self.exec_id = exec_id
        self.tty = tty
        self.owner = owner
        self._loop = loop
        self._order = order
        self._pid_line: PidLine | None = PidLine()
        self._receiver: ProgramReceiver | None = None
        self._stream: ProgramStream | None = None
        self._opening: asyncio.Task[ProgramStream] | None = None
        self._delivery: OrderDelivery | None = None
        self._over = False
        self._said = 0
        self._unheard = False
        in_loop(loop, self._open, streams.open_exec(exec_id, self, tty=tty, timeout=timeout))

    # Any thread.
    def dismiss(self) -> None:
        """Nobody needs it: it ends. Idempotent."""
        in_loop(self._loop, self._dismiss)

    # Loop only.
    def become(self, order: bytes, receiver: ProgramReceiver) -> None:
        """Give it its order: what it says from now on, and its end, are the receiver's."""
        self._receiver = receiver
        if self._unheard:
            self.close()
        if self._over:
            self._loop.call_soon(receiver.ended, None)
        else:
            self._delivery = OrderDelivery(self._order, order, _PATIENCE, self.ended)

    @property
    def has_order(self) -> bool:
        return self._delivery is not None and self._delivery.complete

    def write(self, data: bytes | memoryview) -> None:
        if self._stream:
            self._stream.write(data)

    def write_eof(self) -> None:
        if self._stream:
            self._stream.write_eof()

    def pause_output(self) -> None:
        if self._stream:
            self._stream.pause_output()

    def resume_output(self) -> None:
        if self._stream:
            self._stream.resume_output()

    def close(self) -> None:
        """Let its stream go, and an order that is on its way."""
        self._over = True
        if self._delivery:
            self._delivery.close()
        self._order.remove()
        if self._stream:
            self._stream.close()
        elif self._opening:
            self._opening.cancel()

    # The engine's ProgramReceiver: loop.
    def output_received(self, data: bytes | memoryview, *, stderr: bool) -> None:
        if self._receiver:
            self._receiver.output_received(data, stderr=stderr)
            return
        self._said += len(data)
        if self._said > MOST_OUTPUT:
            self._stop_hearing()
        elif self._pid_line and not stderr and self._pid_line.feed(data) is not None:
            self._pid_line = None
            post(self.owner, ShellPrimed(self))

    def ended(self, failure: Exception | None) -> None:
        receiver = self._receiver
        told = not self._over and not self._unheard
        if not receiver:
            self._give_nothing()
        self.close()
        if receiver:
            receiver.ended(failure)
        elif told:
            post(self.owner, ShellLost(self))

    def pause_input(self) -> None:
        if self._receiver:
            self._receiver.pause_input()

    def resume_input(self) -> None:
        if self._receiver:
            self._receiver.resume_input()

    def _open(self, opening: Coroutine[Any, Any, ProgramStream]) -> None:
        if self._over:
            opening.close()
            return
        self._opening = self._loop.create_task(opening)
        self._opening.add_done_callback(self._opened)

    def _opened(self, opening: asyncio.Task[ProgramStream]) -> None:
        if opening.cancelled():
            return
        error = opening.exception()
        if error is not None:
            self.ended(error if isinstance(error, Exception) else None)
            return
        self._stream = opening.result()
        if self._over:
            self._stream.close()
        elif self._unheard:
            self._stream.pause_output()

    def _stop_hearing(self) -> None:
        # Somebody writes to its terminal, or has put something else in its place. To read on would keep the loop, and
        # to close the stream the engine, which would go on reading by itself.
        if not self._unheard:
            self._unheard = True
            self.pause_output()
            post(self.owner, ShellLost(self, babbles=True))

    def _dismiss(self) -> None:
        if not self._over and self._receiver is None:
            self._give_nothing()
            self.close()

    def _give_nothing(self) -> None:
        OrderDelivery(self._order, b"", 0, lambda error: None)
