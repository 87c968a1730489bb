"""The asyncssh server class to build on: everything but authentication."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Coroutine
from typing import Any

import asyncssh

from ..actors.refusals import Refused, RefusedError, record
from ..backend.backend import Backend
from ..backend.connection import ConnectionHandler
from ..config.models import Mode
from .algorithms import algorithm_options
from .any_text import take_any_text
from .channel_window import Channel, ChannelWindow
from .client_environment import AcceptedNames, SessionEnvironment
from .finite_fields import guard_finite_fields
from .gathered_writes import GatheredWrites
from .hostkey_choice import choose_own_host_key
from .hostkey_proofs import answer_proofs
from .ignore_packets import drop_needless_ignores
from .kex_guess import judge_guesses
from .key_options import UNRESTRICTED, KeyPermissions
from .limits import Limits
from .no_forwarding import NoForwarding
from .quick_acks import QuickAcks
from .quick_chacha import use_quick_chacha
from .session import ChannelSession
from .session_counts import SessionCounts
from .session_queue import Place
from .tolerance import tolerate_questions
from .transport_gate import TransportGate


def server_options() -> dict[str, Any]:
    """Return what a listener with `ContainerServer`s has to pass to `asyncssh.create_server`.

    No line editor and no text decoding in front of the container's terminal, no forwarding to the gateway itself, and
    the algorithms of OpenSSH's sshd.
    """
    return {
        **algorithm_options(),
        "gss_host": None,
        "line_editor": False,
        "encoding": None,
        "agent_forwarding": False,
        "x11_forwarding": False,
        "allow_scp": False,
        "compression_algs": None,
    }


class ContainerServer(NoForwarding):
    """One client's connection. Subclass it and add authentication; asyncssh calls everything here, in the loop.

    The container starts when authentication has succeeded and goes with the connection. `permissions` may restrict
    what a login can do; here it restricts nothing.
    """

    _connection: asyncssh.SSHServerConnection
    _handler: ConnectionHandler
    _gate: TransportGate

    def __init__(self, backend: Backend, limits: Limits | None = None) -> None:
        """`limits` are shared by the connections of a listener; without any, each has the default ones for itself."""
        super().__init__()
        self.backend = backend
        self._metrics = backend.metrics
        self._log = backend.log
        self._limits = limits or Limits()
        self._channels = 0
        self._authenticated = False

    @property
    def permissions(self) -> KeyPermissions:
        """What this login may do. Read once per session, behind authentication."""
        return UNRESTRICTED

    def new_handler(self, client: tuple[str, int], connection_id: str) -> ConnectionHandler:
        """Return the connection's handler; override it to give connections their own configuration or counters."""
        return self.backend.connection(client, connection_id)

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._connection = conn
        connection_id = secrets.token_hex(16)
        self._handler = self.new_handler(_peer(conn), connection_id)
        self._log = self._handler.log
        self._handler.on_failure = self._container_lost
        self._gate = TransportGate(conn, self._log, self._metrics)
        GatheredWrites(conn)
        drop_needless_ignores(conn)
        use_quick_chacha(conn)
        self._sessions = SessionCounts(self._limits, self._unused)
        self._quick_acks = QuickAcks(conn)
        choose_own_host_key(conn)
        judge_guesses(conn)
        guard_finite_fields(conn)
        take_any_text(conn)
        self._log.info("connected")
        super().connection_made(conn)

    def auth_completed(self) -> None:
        self._quick_acks.stop()
        self._gate.log_in()
        tolerate_questions(self._connection)
        answer_proofs(self._connection)
        self._authenticated = True
        username = self._connection.get_extra_info("username")
        self._log = self._gate.log = self._log.bind(user=username)
        self._log.info("authenticated")
        self._sessions.logged_in(username)
        if self._one_container and self._has_too_many():
            return
        self._handler.handshake_success(username)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._authenticated:
            self._handler.handshake_failed()
        self._sessions.close()
        self._handler.disconnect()
        self._log.info("disconnected", reason=str(exc) if exc else "closed")

    def session_requested(self) -> tuple[Channel, ChannelSession | Coroutine[Any, Any, ChannelSession]]:
        self._channels += 1
        refused = self._sessions.refusal()
        if not refused:
            # The channel behind its session: asyncssh keeps one that it has made, though it does not open.
            session = self._new_session(self._channels)
            return session.window.govern(self._connection.create_server_channel()), session
        waiting = self._sessions.wait()
        if not waiting:
            raise self._no_room(refused)
        # OpenSSH's client, refused a channel by its master, opens a connection of its own without a word: the command
        # would find another container, an empty one.
        channel = self._connection.create_server_channel()
        return channel, self._session_later(channel, self._channels, waiting, refused)

    def tell(self, sentence: str) -> None:
        """Write a line to every terminal of this connection."""
        self._gate.tell(sentence)

    def disconnect(self, sentence: str) -> None:
        """Close the connection and tell the client why (RFC 4253 §11.1)."""
        self._connection.disconnect(asyncssh.DISC_BY_APPLICATION, sentence)

    @property
    def unused_since(self) -> float | None:
        """Since when, on the loop's clock, a client that is logged in has no channel open; else None."""
        return self._sessions.unused_since

    def _new_session(self, number: int, place: Place | None = None) -> ChannelSession:
        refused = None if self._one_container else self._sessions.container_refusal()
        if refused:
            if place:
                self._sessions.left(place)
            raise self._no_room(refused)
        try:
            program = self._handler.program_session(number)
        except RefusedError as error:
            if place:
                self._sessions.left(place)
            raise asyncssh.ChannelOpenError(asyncssh.OPEN_CONNECT_FAILED, "Session refused") from error
        if not self._one_container:
            program.at_close.append(self._sessions.container_made())
        window = ChannelWindow(self._sessions.memory)
        session = ChannelSession(
            program, self._gate, self.permissions, self._environment(), self._limits.config, window
        )
        self._sessions.opened(session, place)
        return session

    async def _session_later(
        self, channel: Channel, number: int, waiting: asyncio.Future[Place | None], refused: Refused
    ) -> ChannelSession:
        place = await waiting
        if not place:
            raise self._no_room(refused)
        session = self._new_session(number, place)
        session.window.govern(channel)
        return session

    def _no_room(self, refused: Refused) -> asyncssh.ChannelOpenError:
        record(refused, "session_refused", self._log, self._metrics, "warning")
        return asyncssh.ChannelOpenError(asyncssh.OPEN_RESOURCE_SHORTAGE, refused.user)

    @property
    def _one_container(self) -> bool:
        """Whether the connection has a container, and not each of its sessions."""
        return self._handler.execution.mode is Mode.CONNECTION

    def _has_too_many(self) -> bool:
        refused = self._sessions.container_refusal()
        if refused:
            record(refused, "connection_refused", self._log, self._metrics, "warning")
            self._connection.disconnect(asyncssh.DISC_TOO_MANY_CONNECTIONS, refused.user)
        else:
            self._handler.at_end.append(self._sessions.container_made())
        return refused is not None

    def _environment(self) -> SessionEnvironment:
        execution, permissions = self._handler.execution, self.permissions
        patterns = None if execution.accept_env is None else tuple(execution.accept_env)
        accepted = AcceptedNames(patterns, permissions.command is not None or execution.disable_command)
        return SessionEnvironment(accepted, permissions, _connection_environment(self._connection))

    def _unused(self, refused: Refused) -> None:
        record(refused, "connection_refused", self._log, self._metrics, "info")
        self.disconnect(refused.user)

    def _container_lost(self, refused: Refused) -> None:
        """The sessions say their last first."""
        if self._gate.empty:
            self.disconnect(refused.user)
        else:
            self._gate.on_empty = lambda: self.disconnect(refused.user)


def _peer(conn: asyncssh.SSHServerConnection) -> tuple[str, int]:
    peer = conn.get_extra_info("peername")
    return (str(peer[0]), int(peer[1])) if isinstance(peer, tuple) else ("unix", 0)


def _connection_environment(conn: asyncssh.SSHServerConnection) -> dict[str, str]:
    """The variables that sshd sets from the connection's addresses (sshd(8), ssh(1) ENVIRONMENT)."""
    peer, own = conn.get_extra_info("peername"), conn.get_extra_info("sockname")
    if not isinstance(peer, tuple) or not isinstance(own, tuple):
        return {}
    return {
        "SSH_CLIENT": f"{peer[0]} {peer[1]} {own[1]}",
        "SSH_CONNECTION": f"{peer[0]} {peer[1]} {own[0]} {own[1]}",
    }
