"""Checks that the files a configuration names are there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from .models import Config
from .pem import is_pem_text
from .problems import Fault, KeyPath
from .text import shortened


def missing_files(config: Config) -> Iterator[Fault]:
    """Name every configured file that is not there. A file that may not be looked at is not held missing."""
    for path, value in _named(config):
        if fault := _fault(Path(value)):
            yield Fault(path, fault)


def _named(config: Config) -> Iterator[tuple[KeyPath, str]]:
    connection = config.docker.connection
    pems: list[tuple[KeyPath, str | None]] = [
        *((("ssh", "hostkeys", index), key) for index, key in enumerate(config.ssh.hostkeys)),
        *((("docker", "connection", name), getattr(connection, name)) for name in ("cacert", "cert", "key")),
    ]
    yield from ((path, value) for path, value in pems if value is not None and not is_pem_text(value))
    if config.auth.passwords is not None:
        yield ("auth", "passwords"), str(config.auth.passwords)


def _fault(path: Path) -> str | None:
    try:
        if path.is_dir():
            return f"{shortened(str(path), 200)} is a folder, not a file"
        path.stat()
    except PermissionError:
        return None
    except OSError as error:
        return f"{shortened(str(path), 200)}: {error.strerror}"
    return None
