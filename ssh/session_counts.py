"""The limits on the sessions of one connection: how many at once, and how long there may be none."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

from ..actors.refusals import Refused, refuse
from ..config.durations import format_duration
from ..metrics.codes import Code
from .countdown import Countdown
from .limits import Limits
from .memory import MemoryBudget
from .open_sessions import OpenSession, OpenSessions
from .session import ChannelSession
from .session_queue import Place, SessionQueue


class SessionCounts:
    """Counts a connection's channels, and its user's over all of his connections. Loop only."""

    def __init__(self, limits: Limits, unused: Callable[[Refused], None]) -> None:
        """`unused` is called when no channel was open for the idle time."""
        self._limits = limits.config
        self._users = limits.users
        self._containers = limits.containers
        self._memory = limits.memory
        self.memory = MemoryBudget(limits.config.max_memory_per_connection)
        """What may wait for the programs of this connection."""
        self._user = ""
        self._open = OpenSessions()
        self._queue = SessionQueue(limits.config.session_wait, self._take)
        self._idle = Countdown(limits.config.idle_timeout, lambda: unused(self._idleness()))
        self._loop = asyncio.get_running_loop()
        self.unused_since: float | None = None
        """Since when, on the loop's clock, no channel is open; None while one is, and before the login."""

    def logged_in(self, user: str) -> None:
        """Whose the connection is, from now on."""
        self._user = user
        self.memory = self._memory.for_connection(user)
        self._rest()

    def container_refusal(self) -> Refused | None:
        """Return why the user may have no further container."""
        most = self._limits.max_containers_per_user
        if not self._containers.full(self._user, most):
            return None
        return refuse(Code.TOO_MANY_CONTAINERS, f"limits.maxContainersPerUser is {most}")

    def container_made(self) -> Callable[[], None]:
        """Count one more of the user's containers; return what is to be called once it is gone."""
        return self._containers.add(self._user)

    def refusal(self) -> Refused | None:
        """Return why there may be no further channel."""
        if self._open.full(self._limits.max_sessions):
            return refuse(Code.TOO_MANY_CHANNELS, f"limits.maxSessions is {self._limits.max_sessions}")
        if self._users.full(self._user, self._limits.max_sessions_per_user):
            cause = f"limits.maxSessionsPerUser is {self._limits.max_sessions_per_user}"
            return refuse(Code.TOO_MANY_SESSIONS, cause)
        return None

    def wait(self) -> asyncio.Future[Place | None] | None:
        """Return what will be room for a channel that there is none for now: None when `limits.sessionWait` is over.

        None at once: as many wait as may.
        """
        waiting = self._queue.wait()
        if waiting and self._limits.max_sessions_per_user:
            self._users.wait(self._user, self._queue)
        return waiting

    def opened(self, session: ChannelSession, place: Place | None = None) -> None:
        """Count a channel until it is closed; `place` is the room that it waited for."""
        if place:
            self._forget(place)
        self._count(session)
        session.at_end.append(self._advance)
        session.at_close.append(partial(self._closed, session))

    def left(self, place: Place) -> None:
        """The channel that waited for this room does not open."""
        self._closed(place)

    def close(self) -> None:
        """The connection is gone, and with it whatever was still about to open."""
        self._queue.close()
        for session in self._open.all():
            self._closed(session)
        self._idle.stop()
        self.memory.close()

    def _take(self) -> Place | None:
        if self.refusal():
            return None
        place = Place()
        self._count(place)
        return place

    def _count(self, session: OpenSession) -> None:
        self._idle.stop()
        self.unused_since = None
        self._open.add(session)
        self._users.add(self._user, session)

    def _closed(self, session: OpenSession) -> None:
        self._forget(session)
        if not self._open:
            self._rest()
        self._advance()

    def _forget(self, session: OpenSession) -> None:
        self._open.discard(session)
        self._users.discard(self._user, session)

    def _advance(self) -> None:
        if not self._queue.advance() and self._limits.max_sessions_per_user:
            self._users.advance(self._user)

    def _rest(self) -> None:
        self.unused_since = self._loop.time()
        self._idle.start()

    def _idleness(self) -> Refused:
        cause = f"no session for limits.idleTimeout, {format_duration(self._limits.idle_timeout)}"
        return refuse(Code.SESSION_IDLE, cause)
