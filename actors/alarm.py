"""A message that an actor has itself told later."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from .ports import Timers
from .ref import Ref

_SAME_MOMENT = 0.01


class Alarm:
    """The earliest of the moments that were asked for; a message for another one, still on its way, means nothing.

    Belongs to the thread of the actor, whom `message` of a moment in monotonic seconds is told at it.
    """

    def __init__(self, timers: Timers, me: Ref, message: Callable[[float], object]) -> None:
        self._timers = timers
        self._me = me
        self._message = message
        self._due = math.inf

    def ring_in(self, seconds: float) -> None:
        """Have it ring in so many seconds, unless it does before."""
        due = time.monotonic() + seconds
        if due < self._due - _SAME_MOMENT:
            self._due = due
            self._timers.after(seconds, self._me, self._message(due))

    def rings(self, due: float) -> bool:
        """Take the message of a moment; return whether it is the alarm, which is over then."""
        is_it = due == self._due
        if is_it:
            self._due = math.inf
        return is_it
