"""Those who open a program's stdin anew, by `/dev/stdin` say, when it has ended.

On a pipe that succeeds, and they read what is left, then the end. A FIFO's opener waits for a writer (fifo(7)), and the
only one is gone. Another comes and goes from time to time in its place: the opener goes on, and nobody else sees more
than one more end.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os

_FIRST_PAUSE = 0.002
_GROWTH = 1.5
"""So whoever comes waits for a third of the time since the end, at most."""
_LONGEST_PAUSE = 0.25
"""Seconds. Each time costs some ten microseconds, and the budget of pipes bounds how many ends are watched."""


class LateReaders:
    """Wakes them until nobody has the FIFO open any more, as nobody can open it then. Loop only."""

    def __init__(self, loop: asyncio.AbstractEventLoop, descriptor: int) -> None:
        """`descriptor` is the writing end, which the caller closes next. Raises OSError."""
        self._loop = loop
        # Names the FIFO, whose own name is gone, and is neither a reader of it nor a writer.
        self._place = os.open(f"/proc/self/fd/{descriptor}", os.O_PATH | os.O_CLOEXEC)
        self._pause = _FIRST_PAUSE
        self._timer: asyncio.TimerHandle | None = loop.call_later(self._pause, self._wake)

    def close(self) -> None:
        """Wake nobody any more. Idempotent."""
        timer, self._timer = self._timer, None
        if timer:
            timer.cancel()
            os.close(self._place)

    def _wake(self) -> None:
        try:
            os.close(os.open(f"/proc/self/fd/{self._place}", os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC))
        except OSError as error:
            if error.errno == errno.ENXIO:
                self.close()
                return
        self._pause = min(self._pause * _GROWTH, _LONGEST_PAUSE)
        self._timer = self._loop.call_later(self._pause, self._wake)


def watch_late_readers(loop: asyncio.AbstractEventLoop, descriptor: int) -> LateReaders | None:
    """Return who wakes those of this FIFO, None without a descriptor left: its end does not wait for one."""
    with contextlib.suppress(OSError):
        return LateReaders(loop, descriptor)
    return None
