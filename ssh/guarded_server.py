"""The limits on clients that are not logged in: how many, how long, how often they may try."""

from __future__ import annotations

import asyncssh

from ..actors.refusals import Refused, record, refuse
from ..backend.backend import Backend
from ..metrics.codes import Code
from .admission import Stage
from .auth_tries import AuthTries
from .authentication import Credentials, FileAuthentication
from .dismissal import dismiss
from .limits import Limits
from .server import ContainerServer
from .strict_modes import ExhaustedError
from .visitor import Visitor


class GuardedServer(FileAuthentication, ContainerServer):
    """A connection whose client logs in from files. Loop only."""

    def __init__(self, visitor: Visitor, credentials: Credentials, backend: Backend, limits: Limits) -> None:
        """`visitor` is the client as it came in: it has its place, and its deadline runs."""
        super().__init__(credentials, backend, limits)
        self.source = visitor.source
        self._visitor = visitor
        self._refused: Refused | None = None

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._limits.admission.replace(self._visitor, self)
        self._deadline = self._visitor.deadline
        super().connection_made(conn)
        self._deadline.late = self.dismiss
        self._tries = AuthTries(conn, self._limits.config.max_auth_tries, self._too_many_tries)
        if self._visitor.dismissed:
            self.dismiss(*self._visitor.dismissed)

    def begin_auth(self, username: str) -> bool:
        """Called for every new user name."""
        self._limits.admission.reached(self, Stage.NAMED)
        self._deadline.handshake_done()
        return True

    async def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        try:
            accepted = await super().validate_public_key(username, key)
        except ExhaustedError as error:
            self.dismiss(Code.LOGIN_NOT_CHECKED, str(error))
            return False
        if accepted:
            self._tries.key_accepted()
        return accepted

    async def validate_password(self, username: str, password: str) -> bool:
        # Other connections may have had the address banned meanwhile.
        if self._is_banned():
            return False
        try:
            correct = await super().validate_password(username, password)
        except ExhaustedError as error:
            # Nobody knows whether it was the right one: it is no failed password.
            self.dismiss(Code.LOGIN_NOT_CHECKED, str(error))
            return False
        if not correct:
            self._limits.bans.failed(self.source)
            self._is_banned()
        return correct

    def auth_completed(self) -> None:
        self._deadline.stop()
        self._tries.stop()
        self._limits.admission.logged_in(self)
        super().auth_completed()

    def connection_lost(self, exc: Exception | None) -> None:
        self._limits.admission.leave(self)
        self._deadline.stop()
        if isinstance(exc, asyncssh.ConnectionLost) and "keepalive" in str(exc):
            self._refuse(Code.CLIENT_GONE, str(exc))
        super().connection_lost(exc)

    def dismiss(self, code: Code, cause: str) -> None:
        """Tell the client why, and close the connection."""
        dismiss(self._connection, self._refuse(code, cause))

    def _is_banned(self) -> bool:
        banned = self._limits.bans.is_banned(self.source)
        if banned:
            self.dismiss(Code.ADDRESS_BANNED, f"failed passwords from {self.source}")
        return banned

    def _too_many_tries(self) -> None:
        self.dismiss(Code.TOO_MANY_AUTH_TRIES, f"{self._limits.config.max_auth_tries} failed tries")

    def _refuse(self, code: Code, cause: str) -> Refused:
        """Once: what comes later is a consequence."""
        if self._refused is None:
            self._refused = refuse(code, cause)
            record(self._refused, "connection_refused", self._log, self._metrics, "info")
        return self._refused
