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


class BudgetSpentError(OSError):
    """A user's share of the pipes is used up (ENOSPC): whoever wants one more is carried by the engine."""

    def __init__(self) -> None:
        super().__init__(errno.ENOSPC, "pipes have all the memory that they may take for this user")


class PipeBudget:
    """Counts pipes in units of `PIPE_SIZE`, and shares them out by user. Any thread."""

    def __init__(self, total: int = TOTAL) -> None:
        self._left = total // PIPE_SIZE
        self._held: dict[str, int] = {}
        self._lock = threading.Lock()

    @property
    def left(self) -> int:
        """Units that nobody has."""
        return self._left

    def share_of(self, holder: str) -> PipeShare:
        """Return what this user may take of it."""
        return PipeShare(self, holder)

    def take(self, holder: str, units: int) -> bool:
        """Take so many units, or none at all; return whether they were there.

        Nobody holds more than is left: the first comer has half of all at most, and whoever comes next finds some.
        """
        with self._lock:
            held = self._held.get(holder, 0) + units
            if held > self._left - units:
                return False
            self._held[holder] = held
            self._left -= units
            return True

    def give_back(self, holder: str, units: int) -> None:
        """They are free again."""
        with self._lock:
            self._left += units
            self._held[holder] = self._held.get(holder, 0) - units
            if not self._held[holder]:
                del self._held[holder]


class PipeShare:
    """One user's part of a budget. Any thread."""

    def __init__(self, budget: PipeBudget, holder: str) -> None:
        self._budget = budget
        self._holder = holder

    @property
    def left(self) -> int:
        """Units that nobody has."""
        return self._budget.left

    def take(self, units: int) -> bool:
        """Take so many units, or none at all; return whether they were there."""
        return self._budget.take(self._holder, units)

    def require(self, units: int) -> None:
        """Take so many units. Raises BudgetSpentError if they are not there."""
        if not self.take(units):
            raise BudgetSpentError

    def give_back(self, units: int) -> None:
        """They are free again."""
        self._budget.give_back(self._holder, units)

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
