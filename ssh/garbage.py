"""When the memory of connections that ended is freed.

An ended connection is a ring of objects, asyncssh's and ours, which only Python's cyclic collector can free. That one
counts objects; it does not see the buffers and ciphers behind them, 100 KB per connection. Left to itself it let some
200 ended connections pile up, more with every object that a server keeps for good.
"""

from __future__ import annotations

import gc

_FEWEST = 16
_SHARE = 4


def keep_for_good() -> None:
    """Take all that is there now out of every later collection. For a process that has just started. Any thread."""
    gc.collect()
    gc.freeze()


class EndedConnections:
    """Collects once sixteen have ended, or a quarter as many as live if that is more: a look at these costs time.

    Loop only.
    """

    def __init__(self) -> None:
        self._ended = 0

    def add(self, living: int) -> None:
        """One more has ended. It is referred to for a moment yet: a later one frees it."""
        self._ended += 1
        if self._ended >= max(_FEWEST, living // _SHARE):
            self._ended = 0
            gc.collect()
