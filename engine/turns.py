"""Turns at the engine: how many containers start at once, who is next, and that removals give way to starts."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from enum import Enum

from ..metrics.interface import TurnCounters

LONGEST_DELAY = 15.0
"""How many seconds a removal gives way to starts at most."""
_LONGEST_LINE = 64


class Work(Enum):
    """What a turn is for."""

    START = "start"
    REMOVAL = "removal"


class Turn:
    """A place in the line, and then the turn itself. Made by `Turns`."""

    def __init__(self, turns: Turns, work: Work, user: str, granted: Callable[[], object]) -> None:
        self.work = work
        self.user = user
        self.granted = granted
        self.at_once = False
        """Whether there was nobody to wait for; `granted` is not called then."""
        self.asked_at = time.monotonic()
        self._turns = turns

    def give_back(self) -> None:
        """End the turn, or leave the line; `granted` may still be called if it was about to be. Idempotent."""
        self._turns.give_back(self)


class Turns:
    """Who may start or remove a container now. Any thread, and nobody is blocked.

    At most `limit` turns are for starts at the same time, and as many for removals. The next start is of the user who
    has the fewest of them, and of these his who had none for longest; a user's own come in their order. A removal's
    turn comes when no start has a turn or waits for one, or when more than 64 removals wait. Whoever asked must give
    back, and may do so at any time.
    `granted` is called in any thread, returns at once and must not raise.
    """

    def __init__(self, counters: TurnCounters, limit: int) -> None:
        self._counters = counters
        self._limit = limit
        self._lock = threading.Lock()
        self._starts: dict[str, deque[Turn]] = {}
        self._removals: deque[Turn] = deque()
        self._held: set[Turn] = set()
        self._hurried = False

    def for_start(self, user: str, granted: Callable[[], object]) -> Turn:
        """Ask for a turn to create and start a container for a user."""
        turn = Turn(self, Work.START, user, granted)
        with self._lock:
            self._starts.setdefault(user, deque()).append(turn)
        return self._asked(turn)

    def for_removal(self, granted: Callable[[], object]) -> Turn:
        """Ask for a turn to remove one. Whoever has waited `LONGEST_DELAY` seconds removes without it."""
        turn = Turn(self, Work.REMOVAL, "", granted)
        with self._lock:
            self._removals.append(turn)
        return self._asked(turn)

    def hurry(self) -> None:
        """From now on removals do not wait: the gateway ends."""
        self._hurried = True
        self._tell(self._grant())

    def give_back(self, turn: Turn) -> None:
        """See `Turn.give_back`."""
        with self._lock:
            was_held = turn in self._held
            self._held.discard(turn)
            left = not was_held and self._leave(turn)
        if left:
            self._counters.turn_waited(turn.work.value, time.monotonic() - turn.asked_at)
        self._tell(self._grant())

    def _asked(self, turn: Turn) -> Turn:
        self._counters.turn_asked(turn.work.value)
        granted = self._grant()
        turn.at_once = turn in granted
        self._tell(granted, silent=turn)
        return turn

    def _grant(self) -> list[Turn]:
        with self._lock:
            return list(iter(self._next, None))

    def _next(self) -> Turn | None:
        turn = self._next_start() or self._next_removal()
        if turn:
            self._held.add(turn)
        return turn

    def _next_start(self) -> Turn | None:
        if not self._starts or self._holding(Work.START) >= self._limit:
            return None
        user = min(self._starts, key=self._turns_of)
        line = self._starts.pop(user)
        turn = line.popleft()
        if line:
            # Behind all others.
            self._starts[user] = line
        return turn

    def _next_removal(self) -> Turn | None:
        if not self._removals:
            return None
        quiet = not self._starts and not self._holding(Work.START) and self._holding(Work.REMOVAL) < self._limit
        if quiet or self._hurried or len(self._removals) > _LONGEST_LINE:
            return self._removals.popleft()
        return None

    def _holding(self, work: Work) -> int:
        return sum(turn.work is work for turn in self._held)

    def _turns_of(self, user: str) -> int:
        return sum(turn.user == user and turn.work is Work.START for turn in self._held)

    def _leave(self, turn: Turn) -> bool:
        line = self._starts.get(turn.user, deque()) if turn.work is Work.START else self._removals
        if turn not in line:
            return False
        line.remove(turn)
        if not line and turn.work is Work.START:
            del self._starts[turn.user]
        return True

    def _tell(self, granted: list[Turn], silent: Turn | None = None) -> None:
        for turn in granted:
            self._counters.turn_waited(turn.work.value, time.monotonic() - turn.asked_at)
            if turn is not silent:
                turn.granted()
