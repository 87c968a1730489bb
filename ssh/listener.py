"""sshore's own SSH server: the listener with authentication from files."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path
from typing import Any

import asyncssh
import structlog

from ..backend.backend import Backend
from ..config.models import Config, LimitsConfig, parse_listen
from .algorithms import host_key_pairs
from .authentication import Credentials
from .guarded_server import GuardedServer
from .hostkeys import load_host_keys
from .limits import Limits
from .server import server_options

_SERVER_VERSION = "sshore"
_QUEUE = 4096


class FileServer(GuardedServer):
    """A client of the own listener: authenticated from files, with the permissions of the key that he used."""

    def __init__(self, credentials: Credentials, backend: Backend, banner: str | None, limits: Limits) -> None:
        super().__init__(credentials, backend, limits)
        self._banner = banner

    def begin_auth(self, username: str) -> bool:
        if self._banner:
            self._connection.send_auth_banner(self._banner)
            self._banner = None
        return super().begin_auth(username)


class Listener:
    """Listens on `ssh.listen`. Used in the backend's loop."""

    def __init__(self, config: Config, state: Path, backend: Backend) -> None:
        """Load host keys and credentials. Raises OSError or ValueError with a sentence about what is wrong."""
        self._config = config
        self._backend = backend
        self._credentials = Credentials(config.auth.authorized_keys, config.auth.passwords)
        self._host_keys = load_host_keys(list(config.ssh.hostkeys), state)
        self._acceptor: asyncssh.SSHAcceptor | None = None
        self._limits = Limits(config.limits)

    @property
    def port(self) -> int:
        """The TCP port that it listens on."""
        assert self._acceptor is not None
        return self._acceptor.get_port()

    async def start(self) -> None:
        """Open the port. Raises OSError."""
        host, port = parse_listen(self._config.ssh.listen)
        self._acceptor = await asyncssh.create_server(
            lambda: FileServer(self._credentials, self._backend, self._config.ssh.banner, self._limits),
            host,
            port,
            server_host_keys=host_key_pairs(self._host_keys),
            server_version=self._config.ssh.server_version or _SERVER_VERSION,
            **_timers(self._config.limits),
            **server_options(),
        )
        _lengthen_queue(self._acceptor)
        host_text = self._config.ssh.listen.rpartition(":")[0]
        structlog.get_logger().info("listening", address=f"{host_text}:{self.port}")

    @property
    def is_open(self) -> bool:
        """Whether clients are accepted."""
        return self._acceptor is not None

    def dismiss(self, sentence: str) -> None:
        """Tell every client why, and disconnect him."""
        for guest in self._limits.admission.guests():
            guest.tell(sentence)
            guest.disconnect(sentence)

    def stop(self) -> None:
        """Accept nobody any more; connections go on. Idempotent."""
        if self._acceptor:
            self._acceptor.close()
            self._acceptor = None

    def close(self) -> None:
        """Release what authentication holds."""
        self._credentials.close()


def _lengthen_queue(acceptor: asyncssh.SSHAcceptor) -> None:
    """Let so many clients wait in the kernel: one whose SYN finds the queue full tries again after a second.

    The loop's own `backlog` is also how many it accepts in one turn, in which it does nothing else.
    """
    for listening in acceptor.sockets:
        with socket.socket(fileno=os.dup(listening.fileno())) as same:
            same.listen(_QUEUE)


def _timers(limits: LimitsConfig) -> dict[str, Any]:
    """What asyncssh is to do about time: it asks clients whether they are there. The login has a deadline of ours."""
    return {
        "login_timeout": 0,
        "keepalive_interval": limits.client_alive_interval,
        "keepalive_count_max": limits.client_alive_count_max or sys.maxsize,
    }
