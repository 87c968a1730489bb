"""What a client sends to its program, kept until the program may have it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from ..engine.interface import ProgramStream

SIZE_PATIENCE = 1.0
"""Seconds for which input waits for its terminal's new size: an engine may hang."""


class ProgramInput:
    """Keeps what comes early, and what comes after a change of the terminal's size, and passes it on in order.

    sshd sets the size before it reads on, so that a program that is woken by a key has the size which the client had
    then. While anything is kept the client is paused: flow control keeps the rest. Loop only.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, pause: Callable[[], object], resume: Callable[[], object]
    ) -> None:
        """`pause` and `resume` are the client's. It is paused from the start."""
        self._loop = loop
        self._pause = pause
        self._resume = resume
        self._stream: ProgramStream | None = None
        self._kept: deque[tuple[int, bytes]] = deque()
        self._ended = False
        self._paused = True
        self._full = False
        self._window_told = self._window_set = 0
        self._gave_up = False
        self._alarm: asyncio.TimerHandle | None = None

    @property
    def flows(self) -> bool:
        """Whether the program gets it already."""
        return self._stream is not None

    def write(self, data: bytes) -> None:
        """Pass bytes on, now or later."""
        if self._stream and not self._kept and self._has_size(self._window_told):
            self._stream.write(data)
            return
        self._kept.append((self._window_told, data))
        if self._stream:
            self._hold()

    def write_eof(self) -> None:
        """It ends here."""
        self._ended = True
        if self._stream and not self._kept:
            self._stream.write_eof()

    def pass_to(self, stream: ProgramStream) -> None:
        """The program may have it: what was kept goes first. Once."""
        self._stream = stream
        self._pass_on()

    def window_told(self, number: int) -> None:
        """The client's window has changed for the `number`th time: what comes from now on waits for `window_set`."""
        self._window_told = number

    def window_set(self, number: int) -> None:
        """The terminal has the size of this change or a later one."""
        self._gave_up = False
        self._window_set = max(self._window_set, number)
        if self._stream and self._kept:
            self._pass_on()

    def stream_filled(self) -> None:
        """The program's stream takes no more for now."""
        self._full = True
        self._pause_client()

    def stream_drained(self) -> None:
        """It takes more."""
        self._full = False
        self._resume_client()

    def close(self) -> None:
        """Nobody wants it any more. Idempotent."""
        self._kept.clear()
        self._stop_alarm()

    def _has_size(self, number: int) -> bool:
        return self._gave_up or number <= self._window_set

    def _pass_on(self) -> None:
        assert self._stream
        while self._kept and self._has_size(self._kept[0][0]):
            self._stream.write(self._kept.popleft()[1])
        if self._kept:
            self._hold()
            return
        self._stop_alarm()
        if self._ended:
            self._stream.write_eof()
        self._resume_client()

    def _hold(self) -> None:
        self._pause_client()
        if not self._alarm:
            self._alarm = self._loop.call_later(SIZE_PATIENCE, self._give_up)

    def _give_up(self) -> None:
        self._alarm = None
        self._gave_up = True
        self._pass_on()

    def _stop_alarm(self) -> None:
        alarm, self._alarm = self._alarm, None
        if alarm:
            alarm.cancel()

    def _pause_client(self) -> None:
        if not self._paused:
            self._paused = True
            self._pause()

    def _resume_client(self) -> None:
        if self._paused and self._stream and not self._kept and not self._full:
            self._paused = False
            self._resume()
