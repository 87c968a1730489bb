"""sshore's own SSH server: the listener with authentication from files."""

from __future__ import annotations

from pathlib import Path

import asyncssh
import structlog

from ..backend.backend import Backend
from ..config.models import Config, parse_listen
from .authentication import Credentials, FileAuthentication
from .hostkeys import load_host_keys
from .server import ContainerServer, server_options

_SERVER_VERSION = "sshore"


class FileServer(FileAuthentication, ContainerServer):
    """A client of the own listener: authenticated from files, with the permissions of the key that he used."""

    def __init__(self, credentials: Credentials, backend: Backend, banner: str | None, living: set[FileServer]) -> None:
        super().__init__(credentials, backend)
        self._banner = banner
        self._living = living

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._living.add(self)
        super().connection_made(conn)

    def connection_lost(self, exc: Exception | None) -> None:
        self._living.discard(self)
        super().connection_lost(exc)

    def begin_auth(self, username: str) -> bool:
        if self._banner:
            self._connection.send_auth_banner(self._banner)
            self._banner = None
        return True


class Listener:
    """Listens on `ssh.listen`. Used in the backend's loop."""

    def __init__(self, config: Config, state: Path, backend: Backend) -> None:
        """Load host keys and credentials. Raises OSError or ValueError with a sentence about what is wrong."""
        self._config = config
        self._backend = backend
        self._credentials = Credentials(config.auth.authorized_keys, config.auth.passwords)
        self._host_keys = load_host_keys(list(config.ssh.hostkeys), state)
        self._acceptor: asyncssh.SSHAcceptor | None = None
        self._servers: set[FileServer] = set()

    @property
    def port(self) -> int:
        """The TCP port that it listens on."""
        assert self._acceptor is not None
        return self._acceptor.get_port()

    async def start(self) -> None:
        """Open the port. Raises OSError."""
        host, port = parse_listen(self._config.ssh.listen)
        self._acceptor = await asyncssh.create_server(
            lambda: FileServer(self._credentials, self._backend, self._config.ssh.banner, self._servers),
            host,
            port,
            server_host_keys=self._host_keys,
            server_version=self._config.ssh.server_version or _SERVER_VERSION,
            **server_options(),
        )
        host_text = self._config.ssh.listen.rpartition(":")[0]
        structlog.get_logger().info("listening", address=f"{host_text}:{self.port}")

    @property
    def is_open(self) -> bool:
        """Whether clients are accepted."""
        return self._acceptor is not None

    def dismiss(self, sentence: str) -> None:
        """Tell every client why, and disconnect him."""
        for server in list(self._servers):
            server.tell(sentence)
            server.disconnect(sentence)

    def stop(self) -> None:
        """Accept nobody any more; connections go on. Idempotent."""
        if self._acceptor:
            self._acceptor.close()
            self._acceptor = None

    def close(self) -> None:
        """Release what authentication holds."""
        self._credentials.close()
