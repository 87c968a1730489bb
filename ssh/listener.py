"""sshore's own SSH server: the listener with authentication from files."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Sequence
from pathlib import Path

import asyncssh
import structlog

from ..backend.backend import Backend
from ..backend.connection import ConnectionHandler
from ..config.listen import host_and_port
from ..config.models import Config, parse_listen
from .closing import close_acceptor
from .drain import drain
from .garbage import EndedConnections
from .guarded_server import GuardedServer
from .limits import Limits
from .settings import Settings

_QUEUE = 4096


class FileServer(GuardedServer):
    """A client of the own listener: authenticated from files, with the permissions of the key that he used."""

    def __init__(self, settings: Settings, backend: Backend, limits: Limits, ended: EndedConnections) -> None:
        super().__init__(settings.credentials, backend, limits)
        self._ended = ended
        self._docker = settings.config.docker
        self._banner = settings.config.ssh.banner

    def new_handler(self, client: tuple[str, int], connection_id: str) -> ConnectionHandler:
        return self.backend.connection(client, connection_id, docker=self._docker)

    def begin_auth(self, username: str) -> bool:
        if self._banner:
            self._connection.send_auth_banner(self._banner)
            self._banner = None
        return super().begin_auth(username)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._ended.add(self._limits.admission.count)


class Listener:
    """Listens on `ssh.listen`, or on sockets that somebody else opened. Used in the backend's loop."""

    def __init__(self, config: Config, state: Path, backend: Backend, inherited: Sequence[socket.socket] = ()) -> None:
        """Load host keys and credentials. Raises OSError or ValueError with a sentence about what is wrong.

        `inherited` are listening sockets in place of `ssh.listen`; who waits in their queues may be somebody else's.
        """
        self._settings = Settings.load(config, state)
        self._limits = Limits(config.limits)
        self._backend = backend
        self._ended = EndedConnections()
        self._inherited = inherited
        self._acceptors: list[asyncssh.SSHAcceptor] = []

    @property
    def port(self) -> int:
        """The TCP port that it listens on, of several sockets the first's."""
        return self._acceptors[0].get_port()

    async def start(self) -> None:
        """Open the port. Raises OSError."""
        if self._inherited:
            for sock in self._inherited:
                self._acceptors.append(await self._accept_on(sock))
        else:
            self._acceptors.append(await self._accept_on(None))
        log = structlog.get_logger()
        for acceptor in self._acceptors:
            _lengthen_queue(acceptor)
            log.info("listening", address=self._address(acceptor), inherited=bool(self._inherited))

    @property
    def is_open(self) -> bool:
        """Whether clients are accepted."""
        return bool(self._acceptors)

    @property
    def clients(self) -> int:
        """How many are connected, logged in or not."""
        return self._limits.admission.count

    @property
    def settings(self) -> Settings:
        """What those are served with who connect now."""
        return self._settings

    def renew(self, settings: Settings) -> None:
        """Serve those who connect from now on with other settings. Who is there is counted on, and notices nothing."""
        for acceptor in self._acceptors:
            acceptor.update(**settings.asyncssh_options())
        self._limits = self._limits.renewed(settings.config.limits)
        self._settings = settings

    async def drain(self, seconds: float) -> None:
        """Wait until every client has left, at most so many seconds; terminals are told. Behind `stop`."""
        await drain(self._limits.admission, seconds)

    def dismiss(self, sentence: str) -> None:
        """Tell every client why, and disconnect him."""
        for guest in self._limits.admission.guests():
            guest.tell(sentence)
            guest.disconnect(sentence)

    async def stop(self) -> None:
        """Accept nobody any more; connections go on. Idempotent."""
        acceptors, self._acceptors = self._acceptors, []
        closings = (close_acceptor(acceptor, shared=bool(self._inherited)) for acceptor in acceptors)
        await asyncio.gather(*closings)

    def close(self) -> None:
        """Release what authentication holds."""
        self._settings.credentials.close()

    async def _accept_on(self, sock: socket.socket | None) -> asyncssh.SSHAcceptor:
        host, port = ("", 0) if sock else parse_listen(self._settings.config.ssh.listen)
        options = self._settings.asyncssh_options()
        return await asyncssh.create_server(self._new_server, host, port, sock=sock, **options)

    def _new_server(self) -> FileServer:
        return FileServer(self._settings, self._backend, self._limits, self._ended)

    def _address(self, acceptor: asyncssh.SSHAcceptor) -> str:
        if self._inherited:
            return host_and_port(*acceptor.get_addresses()[0][:2])
        return f"{self._settings.config.ssh.listen.rpartition(':')[0]}:{acceptor.get_port()}"


def _lengthen_queue(acceptor: asyncssh.SSHAcceptor) -> None:
    """Let so many clients wait in the kernel: one whose SYN finds the queue full tries again after a second.

    The loop's own `backlog` is also how many it accepts in one turn, in which it does nothing else.
    """
    for listening in acceptor.sockets:
        with socket.socket(fileno=os.dup(listening.fileno())) as same:
            same.listen(_QUEUE)
