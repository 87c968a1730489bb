"""sshore's own SSH server: the listener with authentication from files."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from pathlib import Path

import structlog

from ..backend.backend import Backend
from ..backend.connection import ConnectionHandler
from ..config.models import Config, parse_listen
from .closing import close_door
from .door import Door, bound_sockets
from .drain import drain
from .few_lines import FewLines
from .garbage import EndedConnections
from .guarded_server import GuardedServer
from .limits import Limits
from .reception import Reception
from .settings import Settings
from .visitor import House, Visitor


class FileServer(GuardedServer):
    """A client of the own listener: authenticated from files, with the permissions of the key that he used."""

    def __init__(self, visitor: Visitor, backend: Backend, ended: EndedConnections) -> None:
        settings = visitor.settings
        super().__init__(visitor, settings.credentials, backend, visitor.limits)
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
        self._refusals = FewLines(backend.log, backend.metrics)
        self._house = House(self._settings, self._limits, backend.metrics, self._refusals)
        self._reception = Reception(self._new_server)
        self._ended = EndedConnections()
        self._inherited = inherited
        self._doors: list[Door] = []

    @property
    def port(self) -> int:
        """The TCP port that it listens on, of several sockets the first's."""
        return self._doors[0].port

    async def start(self) -> None:
        """Open the port. Raises OSError."""
        sockets = self._inherited or await bound_sockets(*parse_listen(self._settings.config.ssh.listen))
        self._doors = [Door(sock, self._accepted) for sock in sockets]
        log = structlog.get_logger()
        for address in self._addresses():
            log.info("listening", address=address, inherited=bool(self._inherited))

    @property
    def is_open(self) -> bool:
        """Whether clients are accepted."""
        return bool(self._doors)

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
        self._limits = self._limits.renewed(settings.config.limits)
        self._settings = settings
        self._house = House(settings, self._limits, self._backend.metrics, self._refusals)

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
        doors, self._doors = self._doors, []
        await asyncio.gather(*(close_door(door, shared=bool(self._inherited)) for door in doors))

    def close(self) -> None:
        """Release what authentication holds."""
        self._settings.credentials.close()

    def _accepted(self, sock: socket.socket, address: object) -> None:
        Visitor(sock, address, self._house, self._reception.queue)

    def _new_server(self, visitor: Visitor) -> FileServer:
        return FileServer(visitor, self._backend, self._ended)

    def _addresses(self) -> list[str]:
        """Where it listens, in the configuration's words."""
        if self._inherited:
            return [door.address for door in self._doors]
        return [f"{self._settings.config.ssh.listen.rpartition(':')[0]}:{self.port}"]
