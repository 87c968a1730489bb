"""When a program's end is told: after the last byte of its output."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

from ..actors.messages import Exited
from ..actors.refusals import Refused
from .output_flow import OutputFlow

DRAIN = 5.0
"""Seconds without a byte after which a stream that nobody waits for under sshd is taken for over."""


class SessionEnd:
    """Knows the exit status and whether the output is over, and tells the status once both are there. Loop only."""

    def __init__(self, loop: asyncio.AbstractEventLoop, flow: OutputFlow, tell: Callable[[Exited], object]) -> None:
        self.output_over = False
        """Whether no more output will come."""
        self._loop = loop
        self._flow = flow
        self._tell: Callable[[Exited], object] | None = tell
        self._exited: Exited | None = None
        self._cut: Refused | None = None
        self._pieces = 0

    def output_came(self) -> None:
        """Some output was passed on."""
        self._pieces += 1

    def exited(self, exited: Exited, *, waits: bool) -> None:
        """The program ended. It `waits` for the output as long as the channel is open, as sshd does where there is no
        terminal; else until none comes for a while: a busy host may be late with a program's last words."""
        self._exited = exited
        self.look()
        if self._tell and not waits:
            self._loop.call_later(DRAIN, self._stop_draining, self._pieces)

    def output_cut(self, cut: Refused) -> None:
        """Something was still to write, and is not heard any more."""
        self._cut = cut

    def look(self) -> None:
        """Tell the end, if there is one: what an ended program left may wait for a client that does not read."""
        if self._exited and self.output_over and self._tell and not self._flow.held:
            tell, self._tell = self._tell, None
            notice = self._exited.notice or (self._cut.user if self._cut else "")
            tell(replace(self._exited, notice=notice))

    def close(self) -> None:
        """Nobody listens any more. Idempotent."""
        self._tell = None

    def _stop_draining(self, pieces: int) -> None:
        if self._tell and (self._flow.held or self._pieces > pieces):
            self._loop.call_later(DRAIN, self._stop_draining, self._pieces)
            return
        self.output_over = True
        self.look()
