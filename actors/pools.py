"""The root's pool, and those before it that are not over yet."""

from __future__ import annotations

from .messages import Drain
from .pool import PoolActor
from .pool_messages import AskerGone, GuestWanted, NoGuest
from .ref import Ref, post
from .shape import Shape
from .surroundings import Surroundings


class Pools:
    """Who logs in is sent to the pool whose containers have the shape of his own. Belongs to the root's thread."""

    def __init__(self, root: Ref) -> None:
        self._root = root
        self._order: Surroundings | None = None
        self._shape: Shape | None = None
        self._current: Ref | None = None
        self._earlier: set[Ref] = set()

    @property
    def living(self) -> frozenset[Ref]:
        """All of them."""
        return frozenset(filter(None, [self._current, *self._earlier]))

    def is_current(self, pool: Ref) -> bool:
        """Whether it is the one that users are sent to."""
        return pool == self._current

    def order(self, surroundings: Surroundings | None) -> None:
        """Have a pool with these surroundings, None for none; nothing happens if they would make the same.

        Raises RefusedError if it cannot start; `start` tries again.
        """
        if self._order and surroundings and _same(self._order, surroundings):
            return
        self.retire()
        self._order = surroundings
        self._shape = Shape.of(surroundings.docker.execution) if surroundings else None
        self.start()

    def start(self) -> None:
        """Start what is ordered and does not live. Raises RefusedError."""
        if self._order and not self._current:
            self._current = PoolActor.start(self._root, self._order)

    def retire(self) -> None:
        """Have the pool end; it may take until a container that it starts is there."""
        self._order = None
        if self._current:
            self.part_with(self._current)

    def part_with(self, pool: Ref) -> None:
        """Send nobody there any more, and have it end when it owes nothing. It may have crashed."""
        self.lose(pool)
        if post(pool, Drain()):
            self._earlier.add(pool)

    def lose(self, pool: Ref) -> None:
        """It has ended."""
        self._earlier.discard(pool)
        if pool == self._current:
            self._current = None

    def pass_on(self, wanted: GuestWanted) -> None:
        """Have it answered."""
        if wanted.shape != self._shape or not post(self._current, wanted):
            post(wanted.asker, NoGuest())

    def tell_gone(self, asker: Ref) -> None:
        """A connection has ended."""
        for pool in self.living:
            post(pool, AskerGone(asker))


def _same(one: Surroundings, other: Surroundings) -> bool:
    ours, theirs = one.docker, other.docker
    return (
        Shape.of(ours.execution) == Shape.of(theirs.execution)
        and ours.execution.pool == theirs.execution.pool
        and ours.execution.containername == theirs.execution.containername
        and ours.timeouts == theirs.timeouts
    )
