"""How many session channels are open, of a connection and of a user, and how many containers a user has."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Protocol

from .session_queue import SessionQueue

_MOST_CLOSING = 256
"""Channels whose end has begun and that the client has not closed, which it may leave as they are for ever."""


class OpenSession(Protocol):
    """A session channel."""

    @property
    def is_closing(self) -> bool:
        """Whether its end has begun: it is not counted any more."""


class OpenSessions:
    """A set of channels that is held against limits. Loop only."""

    def __init__(self) -> None:
        self._sessions: set[OpenSession] = set()

    def full(self, most: int) -> bool:
        """Whether there may be no more where there may be `most`, 0 for any number."""
        if not 0 < most <= len(self._sessions):
            return False
        if len(self._sessions) >= most + _MOST_CLOSING:
            return True
        return sum(not session.is_closing for session in self._sessions) >= most

    def add(self, session: OpenSession) -> None:
        self._sessions.add(session)

    def discard(self, session: OpenSession) -> None:
        """Forget a channel that is closed. Idempotent."""
        self._sessions.discard(session)

    def all(self) -> list[OpenSession]:
        return list(self._sessions)

    def __bool__(self) -> bool:
        return bool(self._sessions)


class SessionsOfUsers:
    """The open channels by user name. Loop only."""

    def __init__(self) -> None:
        self._users: dict[str, OpenSessions] = {}
        self._waiting: dict[str, dict[SessionQueue, None]] = {}

    def full(self, user: str, most: int) -> bool:
        """Whether this user may have no more where one may have `most`, 0 for any number."""
        return user in self._users and self._users[user].full(most)

    def add(self, user: str, session: OpenSession) -> None:
        self._users.setdefault(user, OpenSessions()).add(session)

    def discard(self, user: str, session: OpenSession) -> None:
        """Forget a channel that is closed. Idempotent."""
        if user in self._users:
            self._users[user].discard(session)
            if not self._users[user]:
                del self._users[user]

    def wait(self, user: str, queue: SessionQueue) -> None:
        """Let this queue of one of the user's connections advance when any of his channels ends."""
        self._waiting.setdefault(user, {})[queue] = None

    def advance(self, user: str) -> None:
        """One of the user's channels has ended: the queue that got nothing for longest is asked first."""
        queues = self._waiting.get(user, {})
        for queue in list(queues):
            advanced = queue.advance()
            del queues[queue]
            if queue:
                queues[queue] = None
            if advanced:
                break
        if user in self._waiting and not queues:
            del self._waiting[user]


class ContainersOfUsers:
    """How many containers there are by user name. Loop only."""

    def __init__(self) -> None:
        self._users: Counter[str] = Counter()

    def full(self, user: str, most: int) -> bool:
        """Whether this user may have no more where one may have `most`, 0 for any number."""
        return 0 < most <= self._users[user]

    def add(self, user: str) -> Callable[[], None]:
        """Count one more; return what is to be called once it is gone."""
        self._users[user] += 1

        def gone() -> None:
            self._users[user] -= 1
            if not self._users[user]:
                del self._users[user]

        return gone
