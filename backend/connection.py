"""One connection in the loop: what a transport tells the backend about its client."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from ..actors.connection import ConnectionActor
from ..actors.container_session import ContainerSession
from ..actors.exec_session import ExecSession
from ..actors.log import Log
from ..actors.messages import Authenticated, Disconnected
from ..actors.ref import Ref, post
from ..actors.refusals import Refused, RefusedError, record, recorded, refuse
from ..actors.surroundings import Surroundings
from ..config.models import ExecutionConfig, Mode
from ..config.paced_log import PacedLog
from ..engine.interface import ProgramStream
from ..metrics.codes import Code
from .channel import SessionChannel
from .output_flow import Pace
from .session import ProgramSession
from .timers import in_loop

_MOST_UNREAD = 8


class ConnectionHandler:
    """A network connection's backend. Made by `Backend.connection`; every method belongs to the backend's loop.

    Say `handshake_success` once the user has proved who he is: his container starts while the client still asks for
    its channel. Say `disconnect` when the connection is gone, whatever happened before; `wait_ended` returns when
    nothing of it is left on the engine.
    """

    def __init__(
        self,
        surroundings: Surroundings,
        log: PacedLog,
        connection_id: str,
        client: str,
        is_closing: Callable[[], bool],
        pace: Pace,
    ) -> None:
        """`is_closing` says whether the backend's shutdown has begun. `pace` is the backend's, for its sessions.

        `log` is the one of the surroundings.
        """
        self.id = connection_id
        self.client = client
        self.on_failure: Callable[[Refused], None] = lambda refused: None
        """Called in the loop when the connection's container is lost: the transport should close."""
        self._surroundings = surroundings
        self._paced_log = log
        self._is_closing = is_closing
        self._pace = pace
        self._loop = asyncio.get_running_loop()
        self._actor: Ref | None = None
        self._username = ""
        self._sessions: dict[int, ProgramSession] = {}
        self._unread: list[ProgramStream] = []
        self._disconnected = False
        self._came_too_late = False
        self._ended = asyncio.Event()
        self.at_end: list[Callable[[], object]] = []
        """Called once, in the loop, when nothing of it is left: where `wait_ended` returns."""
        surroundings.house.metrics.connection_opened()

    @property
    def log(self) -> Log:
        """What everything about this connection is logged with, and paced by: its client cannot fill it. Any thread.

        Whoever has more to say of it binds that to this logger, and takes no other.
        """
        return self._paced_log.log

    @property
    def execution(self) -> ExecutionConfig:
        """The section about its containers and programs."""
        return self._surroundings.docker.execution

    def handshake_failed(self) -> None:
        """The client did not authenticate. `disconnect` follows."""
        self._surroundings.house.metrics.handshake(False)

    def handshake_success(self, username: str) -> None:
        """The client is this user. In connection mode his container is created from now on. Once.

        Once the backend's shutdown has begun he gets nothing: his programs are refused.
        """
        if self._actor or self._came_too_late or self._disconnected:
            refused = refuse(Code.REQUEST_OUT_OF_ORDER, "a second handshake")
            record(refused, "request_out_of_order", self.log, self._surroundings.house.metrics, "warning")
            raise RefusedError(refused)
        self._username = username
        self._pace = self._pace.of_user(username)
        self._paced_log = self._paced_log.bind(user=username)
        self._surroundings = replace(self._surroundings, log=self.log)
        self._surroundings.house.metrics.handshake(True)
        if self._is_closing():
            # The root may have said already that nobody is left, and would end this actor no more.
            self._came_too_late = True
            self._note_end()
            return
        try:
            self._actor = ConnectionActor.start(self._surroundings, self, self.id, self.client)
        except RefusedError as error:
            record(error.refused, "container_refused", self.log, self._surroundings.house.metrics)
            self.failed(error.refused)
            return
        post(self._actor, Authenticated(username))

    def session_channel(self, channel_id: int, extra_data: bytes = b"") -> SessionChannel:
        """Open a session channel (RFC 4254 §6.1) with plain streams. Raises RefusedError before the handshake."""
        log = self.log.bind(channel=channel_id)
        log.debug("session_opened", extra_data=extra_data)
        return SessionChannel(self.program_session(channel_id), log)

    def program_session(self, channel_id: int) -> ProgramSession:
        """The same for transports that push bytes themselves."""
        log = self.log.bind(channel=channel_id)
        with recorded("session_refused", log, self._surroundings.house.metrics, "warning"):
            actor = self._actor_for(channel_id)
            streams, metrics = self._surroundings.engine.streams, self._surroundings.house.metrics
            session = ProgramSession(self._loop, streams, metrics, log, self.execution, self._pace)
            session.keep_unread = self._keep_unread
            if actor:
                session.bind(self._start_actor(actor, replace(self._surroundings, log=log), session))
        session.at_close.append(lambda: self._sessions.pop(channel_id, None))
        self._sessions[channel_id] = session
        return session

    def _keep_unread(self, stream: ProgramStream | None) -> None:
        # Closed, it would be read by the engine itself, on and on, and nobody knows the pid of what floods it.
        if stream:
            stream.pause_output()
            self._unread.append(stream)
        if len(self._unread) > _MOST_UNREAD:
            self._unread.pop(0).close()

    def disconnect(self) -> None:
        """The connection is gone: its sessions end, its container is removed. Idempotent, does not wait."""
        if self._disconnected:
            return
        self._disconnected = True
        self._surroundings.house.metrics.connection_closed()
        for session in list(self._sessions.values()):
            session.close()
        for stream in self._unread:
            stream.close()
        self._unread.clear()
        self._paced_log.tell_left_out()
        if not post(self._actor, Disconnected()):
            self._note_end()

    async def wait_ended(self) -> None:
        """Wait until nothing is left: no session, and no container unless its removal has to be retried."""
        await self._ended.wait()

    async def shutdown(self, deadline: float) -> None:
        """Disconnect and wait for the end, at most `deadline` seconds."""
        self.disconnect()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._ended.wait(), deadline)

    # The actors' ConnectionPort: any thread.
    def failed(self, refused: Refused) -> None:
        in_loop(self._loop, lambda: self.on_failure(refused))

    def ended(self) -> None:
        in_loop(self._loop, self._note_end)

    def _note_end(self) -> None:
        if not self._ended.is_set():
            self._ended.set()
            self._paced_log.tell_left_out()
            for callback in self.at_end:
                callback()

    def _actor_for(self, channel_id: int) -> Ref | None:
        if self._actor is None and not self._came_too_late:
            raise RefusedError(refuse(Code.NOT_AUTHENTICATED, "a session before the handshake"))
        if self._disconnected:
            raise RefusedError(refuse(Code.CONNECTION_ENDING, "a session behind the disconnect"))
        if channel_id in self._sessions:
            raise RefusedError(refuse(Code.REQUEST_OUT_OF_ORDER, f"channel {channel_id} is open already"))
        return self._actor

    def _start_actor(self, connection: Ref, surroundings: Surroundings, session: ProgramSession) -> Ref:
        if surroundings.docker.execution.mode is Mode.CONNECTION:
            return ExecSession.start(connection, surroundings, session)
        return ContainerSession.start(connection, surroundings, session, self.id, self.client, self._username)
