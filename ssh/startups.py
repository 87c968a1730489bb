"""Clients in one stage of their login, and which of them makes room for another."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, Protocol, TypeVar


class _Placed(Protocol):
    @property
    def source(self) -> str: ...


Member = TypeVar("Member", bound=_Placed)


class Startups(Generic[Member]):
    """Members by source, in the order in which they came. Every step takes the same time however many there are."""

    def __init__(self) -> None:
        self._by_source: dict[str, dict[Member, None]] = {}
        # Sources by how many members they have; each the longer with that number, the further to the front.
        self._by_count: dict[int, dict[str, None]] = {}
        self._most = 0
        self._count = 0

    def add(self, member: Member) -> None:
        """Put a member at the end."""
        members = self._by_source.setdefault(member.source, {})
        self._recount(member.source, len(members), len(members) + 1)
        members[member] = None

    def discard(self, member: Member) -> bool:
        """Take a member out; return whether it was there."""
        members = self._by_source.get(member.source, {})
        if member not in members:
            return False
        self._recount(member.source, len(members), len(members) - 1)
        del members[member]
        if not members:
            del self._by_source[member.source]
        return True

    def first_to_leave(self, newcomer: str | None = None) -> Member:
        """Return the oldest member of the source that has the most: of the newcomer's, if that one is among them.

        There has to be one. `newcomer` is the source of whoever wants to be added.
        """
        own = len(self._by_source.get(newcomer or "", ()))
        # With the newcomer its source would have one more.
        source = newcomer if newcomer is not None and own >= max(self._most, 1) else self._largest()
        return next(iter(self._by_source[source]))

    def __iter__(self) -> Iterator[Member]:
        return (member for members in self._by_source.values() for member in members)

    def __len__(self) -> int:
        return self._count

    def _largest(self) -> str:
        return next(iter(self._by_count[self._most]))

    def _recount(self, source: str, before: int, after: int) -> None:
        self._count += after - before
        if before:
            del self._by_count[before][source]
            if not self._by_count[before]:
                del self._by_count[before]
        if after:
            self._by_count.setdefault(after, {})[source] = None
        if after > self._most or (before == self._most and before not in self._by_count):
            self._most = after
