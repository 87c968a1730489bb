"""Addresses that are closed out for a while because of failed passwords."""

from __future__ import annotations

from collections.abc import Callable

_MOST_SOURCES = 10_000


class Bans:
    """A leaking bucket per source: each failed password fills it, time empties it. Loop only.

    Remembers the 10,000 sources that failed last.
    """

    def __init__(self, most: int, decay: float, clock: Callable[[], float]) -> None:
        """`most` failures ban (0: never), one is forgotten every `decay` seconds of `clock`."""
        self._most = most
        self._decay = decay
        self._clock = clock
        self._levels: dict[str, tuple[float, float]] = {}

    def configure(self, most: int, decay: float) -> None:
        """Judge by other numbers from now on; what was counted stays, unless nothing bans any more."""
        self._most = most
        self._decay = decay
        if not most:
            self._levels.clear()

    def failed(self, source: str) -> None:
        """Count a failed password."""
        if self._most:
            # Last in order: the first is the one to forget.
            level = self.level(source) + 1
            self._levels.pop(source, None)
            self._levels[source] = (level, self._clock())
            if len(self._levels) > _MOST_SOURCES:
                del self._levels[next(iter(self._levels))]

    def is_banned(self, source: str) -> bool:
        """Whether the source is closed out now."""
        return source in self._levels and self.level(source) > self._most - 1

    def __len__(self) -> int:
        return len(self._levels)

    def level(self, source: str) -> float:
        """How many failures are not forgotten yet."""
        level, since = self._levels.get(source, (0.0, 0.0))
        left = level - (self._clock() - since) / self._decay
        if left <= 0:
            self._levels.pop(source, None)
        return max(left, 0.0)
