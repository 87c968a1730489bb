"""How much a client may send ahead of its program: a window that grows while the program reads (RFC 4254 §5.2)."""

from __future__ import annotations

from typing import TypeAlias

import asyncssh

from .memory import MemoryBudget

Channel: TypeAlias = asyncssh.SSHServerChannel[bytes]

FIRST_WINDOW = 32 * 1024
"""Bytes that a channel grants as long as there is memory."""
LEAST_WINDOW = 2 * 1024
"""Bytes that a channel grants when there is none."""
LARGEST_WINDOW = 2 * 1024 * 1024
"""Bytes that a channel grants whose program reads: as sshd does from the start."""
_GROWTH = 4
_TIMES_KEPT = 2
"""A window may wait for its program twice: what was passed on, and what the client may send because of that."""


class ChannelWindow:
    """Sets one channel's window, and has it grow as long as there is memory for it. Loop only.

    What was granted cannot be taken back: it is given back to the budget when the channel is closed.
    """

    _channel: Channel

    def __init__(self, memory: MemoryBudget) -> None:
        """`memory` is the connection's."""
        self.memory = memory
        self._read = 0
        self._taken = 0

    def govern(self, channel: Channel) -> Channel:
        """Set the window of a channel that is not open yet, and return it."""
        self._channel = channel
        size = FIRST_WINDOW if self._take(FIRST_WINDOW) else LEAST_WINDOW
        channel._recv_window = channel._init_recv_window = size  # no public way once it is made
        return channel

    def passed(self, size: int) -> None:
        """So many bytes went on to a program that reads: once it has read a whole window, it gets a larger one."""
        self._read += size
        window = self._channel._init_recv_window
        if self._read < window or window >= LARGEST_WINDOW:
            return
        self._read = 0
        larger = min(_GROWTH * window, LARGEST_WINDOW)
        if self._take(larger - window):
            self._channel._init_recv_window = larger

    def keep(self, size: int) -> bool:
        """Take memory for something else that waits on this channel; return whether there is so much."""
        kept = self.memory.take(size)
        self._taken += size if kept else 0
        return kept

    def let_go(self, size: int) -> None:
        """Give back what `keep` took, unless the channel was closed meanwhile."""
        given = min(size, self._taken)
        self._taken -= given
        self.memory.give_back(given)

    def close(self) -> None:
        """The channel is closed. Idempotent."""
        taken, self._taken = self._taken, 0
        self.memory.give_back(taken)

    def _take(self, size: int) -> bool:
        return self.keep(_TIMES_KEPT * size)
