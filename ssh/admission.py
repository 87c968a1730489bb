"""Who may be connected: the limits on the number of connections of one listener."""

from __future__ import annotations

from collections import Counter
from typing import Protocol

from ..config.models import LimitsConfig
from ..metrics.codes import Code
from .bans import Bans

_MOST_FAREWELLS = 100


class Guest(Protocol):
    """A connection."""

    source: str
    """What is counted as its address."""

    def dismiss(self, code: Code, cause: str) -> None:
        """Tell the client why, and close the connection. Its `leave` follows, in a later turn of the loop."""

    def tell(self, sentence: str) -> None:
        """Write a line to the user's terminals."""

    def disconnect(self, sentence: str) -> None:
        """Close the connection with this sentence."""

    @property
    def unused_since(self) -> float | None:
        """Since when, on the loop's clock, a client that is logged in has no channel open; else None."""


class Admission:
    """Counts connections, makes room for newcomers, and refuses those for whom there is none. Loop only.

    Connections that are not logged in make room for newer ones, so that silent ones lock nobody out: the oldest first
    of those that have not named a user, which takes a key exchange; when there are none, the oldest of the others.
    """

    def __init__(self, limits: LimitsConfig, bans: Bans) -> None:
        self._limits = limits
        self._bans = bans
        # Dictionaries keep the order of arrival.
        self._silent: dict[Guest, None] = {}
        self._named: dict[Guest, None] = {}
        self._logged_in: dict[Guest, None] = {}
        self._refused: dict[Guest, None] = {}
        self._by_source: Counter[str] = Counter()

    def configure(self, limits: LimitsConfig) -> None:
        """Judge newcomers by other limits from now on. Nobody has to leave."""
        self._limits = limits

    def enter(self, guest: Guest) -> tuple[Code, str] | None:
        """Count a newcomer. Returns code and cause if he is refused; he still has to `leave`."""
        refusal = self._refusal(guest.source)
        if refusal:
            self._refused[guest] = None
            self._hurry_farewells()
            return refusal
        self._make_room()
        self._silent[guest] = None
        self._by_source[guest.source] += 1
        return None

    def named(self, guest: Guest) -> None:
        """The client has exchanged keys and said who he wants to be. Idempotent."""
        if guest in self._silent:
            del self._silent[guest]
            self._named[guest] = None

    def logged_in(self, guest: Guest) -> None:
        """The client has proved it."""
        self.named(guest)
        if guest in self._named:
            del self._named[guest]
            self._logged_in[guest] = None

    def leave(self, guest: Guest) -> None:
        """The connection is gone. Idempotent."""
        self._refused.pop(guest, None)
        for guests in (self._silent, self._named, self._logged_in):
            if guest in guests:
                del guests[guest]
                self._forget(guest.source)

    def guests(self) -> list[Guest]:
        """Return all who were admitted."""
        return [*self._silent, *self._named, *self._logged_in]

    @property
    def count(self) -> int:
        """How many were admitted."""
        return self._starting + len(self._logged_in)

    @property
    def _starting(self) -> int:
        return len(self._silent) + len(self._named)

    def _refusal(self, source: str) -> tuple[Code, str] | None:
        limits = self._limits
        if self._bans.is_banned(source):
            return Code.ADDRESS_BANNED, f"failed passwords from {source}"
        if _reached(self._by_source[source], limits.max_connections_per_address):
            return Code.TOO_MANY_FROM_ADDRESS, f"{self._by_source[source]} connections from {source}"
        if _reached(len(self._logged_in), limits.max_connections):
            return Code.TOO_MANY_CONNECTIONS, f"{len(self._logged_in)} clients are logged in"
        return None

    def _make_room(self) -> None:
        if _reached(self._starting, self._limits.max_startups):
            self._evict(f"limits.maxStartups is {self._limits.max_startups}")
        elif _reached(self.count, self._limits.max_connections):
            self._evict(f"limits.maxConnections is {self._limits.max_connections}")

    def _evict(self, cause: str) -> None:
        guest = next(iter(self._silent or self._named))
        self.leave(guest)
        guest.dismiss(Code.TOO_MANY_STARTUPS, cause)

    def _hurry_farewells(self) -> None:
        """A refused client has a moment to hear why, but not at the price of many sockets."""
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
