"""The flow of a program's output: held while its client does not read, but not beyond the program's end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import TypeAlias
from weakref import WeakValueDictionary

from ..engine.interface import ProgramStream

Keep: TypeAlias = Callable[[int], bool]
"""Is told of so many bytes of an ended program that nobody reads yet; returns whether there may be more."""

STANDS_STILL = 0.3
ASK_AGAIN = 0.5
LONGEST_PAUSE = 1.0
QUESTIONS_A_SECOND = 200
"""Of all sessions together: each costs the gateway a third of a millisecond, and the engine as much."""
QUESTIONS_OF_A_USER = 20
"""Of one user's sessions: whoever has so many that this is too late for one of them asks for no other's harm."""
REST = 4 * 1024 * 1024
"""Bytes that are taken of a program that has ended, though its client does not read: an engine holds up to 3 MiB."""
_GROWTH = 1.25


def any_number(size: int) -> bool:
    """A `Keep` without a bound."""
    return True


class Pace:
    """Turns, so many a second for whoever asks. Loop only."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, per_second: float = QUESTIONS_A_SECOND, above: Pace | None = None
    ) -> None:
        self.above = above
        """Where the next turn is to be waited for behind this one's."""
        self._loop = loop
        self._pause = 1 / per_second
        self._next = 0.0
        self._users: WeakValueDictionary[str, Pace] = WeakValueDictionary()

    def of_user(self, name: str) -> Pace:
        """Return the pace of one user's sessions, over all connections."""
        return self._users.setdefault(name, Pace(self._loop, QUESTIONS_OF_A_USER, self))

    def seconds_to_turn(self) -> float:
        """Take the next turn and return how long it is until then."""
        now = self._loop.time()
        turn = max(now, self._next)
        self._next = turn + self._pause
        return turn - now


class OutputFlow:
    """Holds a program's stream while its client takes no more, and asks meanwhile whether the program has ended.

    Two seconds behind a program's end Docker Engine drops what nobody has read by then (daemon/monitor.go), so the
    rest has to be read at once, and waits here. Loop only. `ask` puts the question, `answer` gets the answer; while
    one is open no other is put.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, pace: Pace, ask: Callable[[], object]) -> None:
        self.held = False
        """Whether the client takes no more."""
        self._loop = loop
        self._pace = pace
        self._ask = ask
        self._stream: ProgramStream | None = None
        self._keeps_its_end = False
        self._timer: asyncio.TimerHandle | None = None
        self._asked = False
        self._pause = ASK_AGAIN
        self._rest = 0
        self._keep: Keep = any_number

    def govern(self, stream: ProgramStream, *, keeps_its_end: bool = False) -> None:
        """Hold and release this stream from now on. One that `keeps_its_end` loses nothing: nobody is asked."""
        self._stream = stream
        self._keeps_its_end = keeps_its_end
        if self.held:
            self._stop_reading(stream)

    def hold(self, keep: Keep = any_number) -> None:
        """The client takes no more. Idempotent."""
        if self.held:
            return
        self._keep = keep
        self.held = True
        self._pause = ASK_AGAIN
        if self._stream:
            self._stop_reading(self._stream)

    def release(self) -> None:
        """The client takes more. Idempotent."""
        self.held = False
        self._rest = 0
        self._stop_clock()
        if self._stream:
            self._stream.resume_output()

    def answer(self, *, over: bool) -> None:
        """The program has ended, or has not."""
        self._asked = False
        if not self.held or not self._stream:
            return
        if over:
            self._rest = REST
            self._stream.resume_output()
        else:
            self._ask_in(self._pause)
            self._pause = min(_GROWTH * self._pause, LONGEST_PAUSE)

    def passed(self, size: int) -> None:
        """So many bytes of output went on to the client's channel."""
        if self._rest > 0:
            # More than any engine holds: somebody goes on writing.
            self._rest = self._rest - size if self._keep(size) else 0
            if self._rest <= 0 and self._stream:
                self._stream.pause_output()

    def end(self) -> None:
        """The stream is over or closed: ask nothing more. Idempotent."""
        self._stream = None
        self._stop_clock()

    def _stop_reading(self, stream: ProgramStream) -> None:
        stream.pause_output()
        if not self._asked and not self._keeps_its_end:
            self._ask_in(STANDS_STILL)

    def _ask_in(self, seconds: float) -> None:
        self._timer = self._loop.call_later(seconds, self._await_turn, self._pace)

    def _await_turn(self, pace: Pace) -> None:
        following = partial(self._await_turn, pace.above) if pace.above else self._put_question
        self._timer = self._loop.call_later(pace.seconds_to_turn(), following)

    def _put_question(self) -> None:
        self._timer = None
        self._asked = True
        self._ask()

    def _stop_clock(self) -> None:
        timer, self._timer = self._timer, None
        if timer:
            timer.cancel()
