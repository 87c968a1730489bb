"""The kernel memory that a gateway's pipes may take."""

from __future__ import annotations

import errno
import fcntl
import threading

PIPE_SIZE = 64 * 1024
"""Bytes of a pipe unless told otherwise (pipe(7)), and the unit that is counted in."""
GROWN_SIZE = 256 * 1024
"""Bytes of a pipe that much goes through."""
TOTAL = 16 * 1024 * 1024
"""Bytes of all pipes of a gateway.

The kernel charges a uid with them, and the soft limit is 64 MiB: beyond it every new pipe of that uid, those inside of
containers too, gets 8 KiB in place of 64.
"""


class PipeBudget:
    """Counts pipes in units of `PIPE_SIZE`. Any thread."""

    def __init__(self, total: int = TOTAL) -> None:
        self._left = total // PIPE_SIZE
        self._lock = threading.Lock()

    @property
    def left(self) -> int:
        """Units that nobody has."""
        return self._left

    def take(self, units: int) -> bool:
        """Take so many units, or none at all; return whether they were there."""
        with self._lock:
            if self._left < units:
                return False
            self._left -= units
            return True

    def require(self, units: int) -> None:
        """Take so many units. Raises OSError (ENOSPC) if they are not there."""
        if not self.take(units):
            raise OSError(errno.ENOSPC, "the gateway's pipes have all the memory that they may take")

    def give_back(self, units: int) -> None:
        """They are free again."""
        with self._lock:
            self._left += units

    def grow(self, descriptor: int) -> bool:
        """Give a pipe GROWN_SIZE, if the budget and the kernel allow it; return whether it has it now."""
        more = GROWN_SIZE // PIPE_SIZE - 1
        if not self.take(more):
            return False
        if _resize(descriptor, GROWN_SIZE):
            return True
        self.give_back(more)
        return False

    def shrink(self, descriptor: int) -> bool:
        """Take a grown pipe back to PIPE_SIZE; return whether that was possible: not while it holds more."""
        if not _resize(descriptor, PIPE_SIZE):
            return False
        self.forget_grown()
        return True

    def forget_grown(self) -> None:
        """A grown pipe is closed as it is."""
        self.give_back(GROWN_SIZE // PIPE_SIZE - 1)


def _resize(descriptor: int, size: int) -> bool:
    # EPERM: a gateway without privileges is at its soft limit; EBUSY: more than that waits in the pipe.
    try:
        fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, size)
    except OSError:
        return False
    return True
