"""A connection's side of the pool."""

from __future__ import annotations

from dataclasses import dataclass

from ..engine.errors import EngineError
from .container import OwnedContainer
from .log import Log
from .naming import name_for
from .pool_messages import GuestReady, GuestTaken, GuestWanted
from .ref import Ref, post
from .shape import Shape
from .surroundings import Surroundings

_RENAME_SECONDS = 0.3
"""How long behind the login a container gets its user's name: its first program has begun by then."""


@dataclass(frozen=True, slots=True)
class RenameDue:
    """A connection to itself: no program waits any more, tell the engine the container's name."""


class PoolClient:
    """What a connection asks of the pool and owes it. Belongs to the connection's thread; never raises."""

    def __init__(self, connection: Ref, surroundings: Surroundings) -> None:
        self._me = connection
        self._surroundings = surroundings
        self._asked = False

    def ask(self) -> bool:
        """Ask for a container, if the configuration has a pool; return whether GuestReady or NoGuest follows."""
        execution = self._surroundings.docker.execution
        if execution.pool.size:
            self._asked = post(self._surroundings.house.root, GuestWanted(self._me, Shape.of(execution)))
        return self._asked

    def answered(self) -> bool:
        """Note an answer; return whether it is the one that was waited for."""
        asked, self._asked = self._asked, False
        return asked

    def take(self, ready: GuestReady, username: str) -> str:
        """Take the guest over from the pool, and give it the user's name; return its name in the pool."""
        post(ready.pool, GuestTaken(self._me))
        container = ready.guest.container
        pooled = container.name
        prefix = self._surroundings.docker.execution.containername
        container.hand_over(self._surroundings, name_for(pooled, prefix, username))
        self._surroundings.house.timers.after(_RENAME_SECONDS, self._me, RenameDue())
        return pooled

    def rename(self, container: OwnedContainer, log: Log) -> None:
        """Tell the engine the container's name. One that it does not take is in the log only."""
        try:
            container.rename()
        except EngineError as error:
            log.warning("container_not_renamed", code=error.code, cause=str(error))
