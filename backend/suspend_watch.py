"""Whether a client may have stopped its program by Ctrl-Z, where that would be for good."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

_SUSPEND = b"\x1a"
"""The terminal's key for SIGTSTP, unless the client has another."""
_PAUSE = 0.1
"""Seconds in which the program is stopped if it is, and in which nobody is told twice."""


class SuspendWatch:
    """Looks at what is typed. Loop only."""

    def __init__(self, loop: asyncio.AbstractEventLoop, tell: Callable[[], object]) -> None:
        self._loop = loop
        self._tell = tell
        self._due = False

    def typed(self, data: bytes) -> None:
        """This goes to the program."""
        if _SUSPEND in data and not self._due:
            self._due = True
            self._loop.call_later(_PAUSE, self._passed)

    def _passed(self) -> None:
        self._due = False
        self._tell()
