"""Output of programs that have ended, kept while their clients do not read."""

from __future__ import annotations

from collections.abc import Callable

from .channel_window import ChannelWindow


class UnreadOutput:
    """One channel's, within the memory of its connection. Loop only."""

    def __init__(self, window: ChannelWindow, full: Callable[[], object]) -> None:
        """`full` is called when there is no memory for more: what an engine still holds is lost soon."""
        self._window = window
        self._full = full
        self._kept = 0

    def keep(self, size: int) -> bool:
        """So many bytes wait; return whether there may be more."""
        if not self._window.keep(size):
            self._full()
            return False
        self._kept += size
        return True

    def read(self) -> None:
        """The client has read what waited. Idempotent."""
        kept, self._kept = self._kept, 0
        self._window.let_go(kept)
