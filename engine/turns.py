"""Turns at the engine: how many containers start at once, who is next, and what gives way to users' starts."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from enum import Enum

from ..metrics.interface import TurnCounters

LONGEST_DELAY = 15.0
"""How many seconds a removal gives way to starts at most."""
LONGEST_FILL_DELAY = 3.0
"""How many seconds a fill of the pool does."""
_LONGEST_LINE = 64


class Work(Enum):
    """What a turn is for."""

    START = "start"
    FILL = "fill"
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

    @property
    def has_come(self) -> bool:
        """Whether it is the turn itself by now, and was not given back. Any thread."""
        return self._turns.has_come(self)

    def give_back(self) -> None:
        """End the turn, or leave the line; `granted` may still be called if it was about to be. Idempotent."""
        self._turns.give_back(self)


class Turns:
    """Who may start or remove a container now. Any thread, and nobody is blocked.

    At most `limit` turns are for starts at the same time, and as many for removals. The next start is of the user who
    has the fewest of them, and of these his who had none for longest; a user's own come in their order. A fill's or
    a removal's turn comes when no start has a turn or waits for one; there is one fill at a time, and a removal's comes
    in any case when more than 64 wait. Whoever asked must give back, and may do so at any time.
    `granted` is called in any thread, returns at once and must not raise.
    """

    def __init__(self, counters: TurnCounters, limit: int) -> None:
        self._counters = counters
        self._limit = limit
        self._lock = threading.Lock()
        self._starts: dict[str, deque[Turn]] = {}
        self._fills: deque[Turn] = deque()
        self._removals: deque[Turn] = deque()
        self._held: set[Turn] = set()
        self._hurried = False

    def for_start(self, user: str, granted: Callable[[], object]) -> Turn:
        """Ask for a turn to create and start a container for a user."""
        turn = Turn(self, Work.START, user, granted)
        with self._lock:
            self._starts.setdefault(user, deque()).append(turn)
        return self._asked(turn)

    def for_fill(self, granted: Callable[[], object]) -> Turn:
        """Ask for a turn to start one that nobody waits for.

        Whoever has waited `LONGEST_FILL_DELAY` seconds gives it back and asks for a turn to start.
        """
        return self._in_line(Turn(self, Work.FILL, "", granted), self._fills)

    def for_removal(self, granted: Callable[[], object]) -> Turn:
        """Ask for a turn to remove one. Whoever has waited `LONGEST_DELAY` seconds removes without it."""
        return self._in_line(Turn(self, Work.REMOVAL, "", granted), self._removals)

    @property
    def starts_wait(self) -> bool:
        """Whether the engine has more to start than it can at once."""
        return bool(self._starts)

    def hurry(self) -> None:
        """From now on removals do not wait: the gateway ends."""
        self._hurried = True
        self._tell(self._grant())

    def has_come(self, turn: Turn) -> bool:
        """See `Turn.has_come`."""
        with self._lock:
            return turn in self._held

    def give_back(self, turn: Turn) -> None:
        """See `Turn.give_back`."""
        with self._lock:
            was_held = turn in self._held
            self._held.discard(turn)
            left = not was_held and self._leave(turn)
        if left:
            self._counters.turn_waited(turn.work.value, time.monotonic() - turn.asked_at)
        self._tell(self._grant())

    def _in_line(self, turn: Turn, line: deque[Turn]) -> Turn:
        with self._lock:
            line.append(turn)
        return self._asked(turn)

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
        turn = self._next_start() or self._next_fill() or self._next_removal()
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

    def _next_fill(self) -> Turn | None:
        if self._fills and self._quiet and not self._holding(Work.FILL):
            return self._fills.popleft()
        return None

    def _next_removal(self) -> Turn | None:
        if not self._removals:
            return None
        fits = self._quiet and self._holding(Work.REMOVAL) < self._limit
        if fits or self._hurried or len(self._removals) > _LONGEST_LINE:
            return self._removals.popleft()
        return None

    @property
    def _quiet(self) -> bool:
        return not self._starts and not self._holding(Work.START)

    def _holding(self, work: Work) -> int:
        return sum(turn.work is work for turn in self._held)

    def _turns_of(self, user: str) -> int:
        return sum(turn.user == user and turn.work is Work.START for turn in self._held)

    def _leave(self, turn: Turn) -> bool:
        line = self._line_of(turn)
        if turn not in line:
            return False
        line.remove(turn)
        if not line and turn.work is Work.START:
            del self._starts[turn.user]
        return True

    def _line_of(self, turn: Turn) -> deque[Turn]:
        match turn.work:
            case Work.START:
                return self._starts.get(turn.user, deque())
            case Work.FILL:
                return self._fills
            case Work.REMOVAL:
                return self._removals

    def _tell(self, granted: list[Turn], silent: Turn | None = None) -> None:
        for turn in granted:
            self._counters.turn_waited(turn.work.value, time.monotonic() - turn.asked_at)
            if turn is not silent:
                turn.granted()
