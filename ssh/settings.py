"""What a client who connects now is served with: one state of the configuration and of the files that it names."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import asyncssh

from ..config.models import Config
from .algorithms import algorithm_options, host_key_pairs
from .authentication import Credentials, Workers
from .hostkeys import load_host_keys
from .server import server_options

_SERVER_VERSION = "sshore"


@dataclass(frozen=True, slots=True)
class Settings:
    """Immutable. Connections keep those that they began with."""

    config: Config
    software: str
    """What the server calls itself (RFC 4253 §4.2)."""
    options: asyncssh.SSHServerConnectionOptions
    credentials: Credentials

    @classmethod
    def load(cls, config: Config, state: Path, workers: Workers | None = None) -> Settings:
        """Read the files. Blocks (a key that has to be made takes a third of a second); any thread.

        `workers` are those of the settings before these. Raises HostKeyError, PasswordFileError, or
        ValueError for the pattern of the authorized-keys files.
        """
        keys = load_host_keys(list(config.ssh.hostkeys), state)
        credentials = Credentials(config.auth.authorized_keys, config.auth.passwords, workers)
        software = software_of(config)
        return cls(config, software, connection_options(config, software, host_key_pairs(keys)), credentials)


def software_of(config: Config) -> str:
    """Return what the server calls itself."""
    return config.ssh.server_version or _SERVER_VERSION


def connection_options(
    config: Config, software: str, host_keys: list[asyncssh.SSHKeyPair]
) -> asyncssh.SSHServerConnectionOptions:
    """Return asyncssh's options for a configuration. The login has a deadline of ours. Raises ValueError."""
    limits = config.limits
    return asyncssh.SSHServerConnectionOptions(
        server_host_keys=host_keys,
        send_server_host_keys=True,
        server_version=software,
        login_timeout=0,
        keepalive_interval=limits.client_alive_interval,
        keepalive_count_max=limits.client_alive_count_max or sys.maxsize,
        **{**server_options(), **(algorithm_options(config.ssh.kex) if config.ssh.kex else {})},
    )
