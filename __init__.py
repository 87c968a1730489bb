"""sshore: every SSH connection in its own Docker container, every session channel its own process in it.

An asyncssh server subclasses `ContainerServer`; any other asyncio program uses `Backend` and its connections.
Names are imported when they are first used: `sshore check-config` needs neither an engine nor an SSH server.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .actors.refusals import Refused, RefusedError
    from .backend.backend import Backend
    from .backend.channel import SessionChannel
    from .backend.connection import ConnectionHandler
    from .backend.session import ProgramSession
    from .backend.sink import ProgramSink
    from .config.load import load_config, parse_config
    from .config.models import Config, DockerConfig
    from .config.problems import ConfigError
    from .metrics.counters import Metrics
    from .ssh.server import ContainerServer, server_options

_ROOMS = {
    "Backend": "backend.backend",
    "Config": "config.models",
    "ConfigError": "config.problems",
    "ConnectionHandler": "backend.connection",
    "ContainerServer": "ssh.server",
    "DockerConfig": "config.models",
    "Metrics": "metrics.counters",
    "ProgramSession": "backend.session",
    "ProgramSink": "backend.sink",
    "Refused": "actors.refusals",
    "RefusedError": "actors.refusals",
    "SessionChannel": "backend.channel",
    "load_config": "config.load",
    "parse_config": "config.load",
    "server_options": "ssh.server",
}

__all__ = [
    "Backend",
    "Config",
    "ConfigError",
    "ConnectionHandler",
    "ContainerServer",
    "DockerConfig",
    "Metrics",
    "ProgramSession",
    "ProgramSink",
    "Refused",
    "RefusedError",
    "SessionChannel",
    "load_config",
    "parse_config",
    "server_options",
]


def __getattr__(name: str) -> object:
    if name not in _ROOMS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_ROOMS[name]}", __name__), name)
