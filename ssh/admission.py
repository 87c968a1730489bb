"""Who may be connected: the limits on the number of connections of one listener."""

from __future__ import annotations

from collections import Counter
from enum import IntEnum, auto
from typing import Protocol

from ..config.models import LimitsConfig
from ..metrics.codes import Code
from .bans import Bans
from .startups import Startups

_MOST_FAREWELLS = 100


class Guest(Protocol):
    """A connection."""

    source: str
    """What is counted as its address."""

    def dismiss(self, code: Code, cause: str) -> None:
        """Tell the client why, and close the connection."""

    def tell(self, sentence: str) -> None:
        """Write a line to the user's terminals."""

    def disconnect(self, sentence: str) -> None:
        """Close the connection with this sentence."""

    @property
    def unused_since(self) -> float | None:
        """Since when, on the loop's clock, a client that is logged in has no channel open; else None."""


class Stage(IntEnum):
    """How far a client that is not logged in has come."""

    SILENT = auto()
    """It has not said its version."""
    WAITING = auto()
    """It has, and waits for its turn, or for its own next word."""
    EXCHANGE = auto()
    """It exchanges keys."""
    NAMED = auto()
    """It has exchanged keys and said who it wants to be."""


class Admission:
    """Counts connections, makes room for newcomers, and refuses those for whom there is none. Loop only.

    Connections that are not logged in make room for newer ones. The stage that holds the most of them gives one up, so
    that none can fill all places: clients that named a user and wait leave room for those who come, and silent ones for
    clients that type a password. In it the address that holds the most does, so that nobody makes others leave. Of that
    address's it is the one that has been in the stage for the longest: whoever goes on is soon out of it.
    """

    def __init__(self, limits: LimitsConfig, bans: Bans) -> None:
        self._limits = limits
        self._bans = bans
        self._stages: dict[Stage, Startups[Guest]] = {stage: Startups() for stage in Stage}
        # Dictionaries keep the order of arrival.
        self._logged_in: dict[Guest, None] = {}
        self._refused: dict[Guest, None] = {}
        self._by_source: Counter[str] = Counter()

    def configure(self, limits: LimitsConfig) -> None:
        """Judge newcomers by other limits from now on. Nobody has to leave."""
        self._limits = limits

    def enter(self, guest: Guest) -> tuple[Code, str] | None:
        """Count a newcomer. Returns code and cause if it is refused; it still has to `leave`."""
        refusal = self._refusal(guest.source)
        if refusal:
            self.see_off(guest)
            return refusal
        self._make_room(guest.source)
        self._stages[Stage.SILENT].add(guest)
        self._by_source[guest.source] += 1
        return None

    def reached(self, guest: Guest, stage: Stage) -> None:
        """The client has come so far. Nothing for one that was there or further, or has left."""
        for before in Stage:
            if before < stage and self._stages[before].discard(guest):
                self._stages[stage].add(guest)

    def replace(self, guest: Guest, successor: Guest) -> None:
        """`successor` stands for the same client from now on, which exchanges keys. Nothing for one that has left."""
        if any(startups.discard(guest) for startups in self._stages.values()):
            self._stages[Stage.EXCHANGE].add(successor)

    def logged_in(self, guest: Guest) -> None:
        """The client has proved who it is."""
        if any(startups.discard(guest) for startups in self._stages.values()):
            self._logged_in[guest] = None

    def leave(self, guest: Guest) -> None:
        """The connection is gone. Idempotent."""
        self._refused.pop(guest, None)
        if any(startups.discard(guest) for startups in self._stages.values()):
            self._forget(guest.source)
        elif guest in self._logged_in:
            del self._logged_in[guest]
            self._forget(guest.source)

    def guests(self) -> list[Guest]:
        """Return all who were admitted."""
        return [*(guest for startups in self._stages.values() for guest in startups), *self._logged_in]

    @property
    def count(self) -> int:
        """How many were admitted."""
        return self._starting + len(self._logged_in)

    @property
    def pressed(self) -> bool:
        """Whether so many are not logged in that room may soon have to be made: half of the places are taken."""
        return 0 < self._limits.max_startups < 2 * self._starting

    @property
    def _starting(self) -> int:
        return sum(map(len, self._stages.values()))

    def _refusal(self, source: str) -> tuple[Code, str] | None:
        limits = self._limits
        if self._bans.is_banned(source):
            return Code.ADDRESS_BANNED, f"failed passwords from {source}"
        if _reached(self._by_source[source], limits.max_connections_per_address):
            return Code.TOO_MANY_FROM_ADDRESS, f"{self._by_source[source]} connections from {source}"
        if _reached(len(self._logged_in), limits.max_connections):
            return Code.TOO_MANY_CONNECTIONS, f"{len(self._logged_in)} clients are logged in"
        return None

    def _make_room(self, source: str) -> None:
        if _reached(self._starting, self._limits.max_startups):
            self._evict(source, f"limits.maxStartups is {self._limits.max_startups}")
        elif _reached(self.count, self._limits.max_connections):
            self._evict(source, f"limits.maxConnections is {self._limits.max_connections}")

    def _evict(self, newcomer: str, cause: str) -> None:
        # Of stages that hold as many, the one that is the least far.
        stage = max(Stage, key=lambda stage: len(self._stages[stage]))
        guest = self._stages[stage].first_to_leave(newcomer if stage is Stage.SILENT else None)
        self.leave(guest)
        guest.dismiss(Code.TOO_MANY_STARTUPS, cause)

    def see_off(self, guest: Guest) -> None:
        """A refused client has a moment to hear why, until it `leave`s, but not at the price of many sockets."""
        self._refused[guest] = None
        if len(self._refused) > _MOST_FAREWELLS:
            guest = next(iter(self._refused))
            del self._refused[guest]
            guest.dismiss(Code.TOO_MANY_CONNECTIONS, "too many refused clients at once")

    def _forget(self, source: str) -> None:
        self._by_source[source] -= 1
        if not self._by_source[source]:
            del self._by_source[source]


def _reached(number: int, limit: int) -> bool:
    return 0 < limit <= number
