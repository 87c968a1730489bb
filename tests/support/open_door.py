"""A listener of an embedding program that lets everybody in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncssh
from sshore.backend.backend import Backend
from sshore.config.load import parse_config
from sshore.engine.interface import Engine
from sshore.ssh.key_options import UNRESTRICTED, KeyPermissions
from sshore.ssh.server import ContainerServer, server_options

_LOGIN = {"username": "alice", "known_hosts": None, "client_keys": None, "agent_path": None, "config": None}


@asynccontextmanager
async def logged_in(
    configuration: str, state: Path, *, permits: KeyPermissions = UNRESTRICTED, engine: Engine | None = None
) -> AsyncIterator[asyncssh.SSHClientConnection]:
    """A client's connection to a server with this configuration (YAML), in which a login permits `permits`."""
    docker = parse_config(configuration, "test.yaml").docker
    async with Backend(docker, state, engine=engine) as backend, let_in(backend, permits) as connection:
        yield connection


@asynccontextmanager
async def let_in(
    backend: Backend, permits: KeyPermissions = UNRESTRICTED
) -> AsyncIterator[asyncssh.SSHClientConnection]:
    """A client's connection to a server with this backend, in which a login permits `permits`."""

    class Server(ContainerServer):
        permissions = permits

        def begin_auth(self, username: str) -> bool:
            return False

    key = asyncssh.generate_private_key("ssh-ed25519")
    acceptor = await asyncssh.create_server(
        lambda: Server(backend), "127.0.0.1", 0, server_host_keys=[key], **server_options()
    )
    async with acceptor, asyncssh.connect("127.0.0.1", acceptor.get_port(), **_LOGIN) as connection:
        yield connection
