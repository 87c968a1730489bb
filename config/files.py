"""Checks that the files a configuration names are there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from .models import Config
from .pem import is_pem_text
from .plain_files import fault_of_kind
from .problems import Fault, KeyPath
from .text import shortened

_NO_PATH = "what is given is neither PEM text nor the path of a file that is there"
_KEY_TEXT = re.compile(r"[A-Za-z0-9+=]{48}")
"""A long piece of base64: the body of a key that has lost the lines around it."""


def missing_files(config: Config) -> Iterator[Fault]:
    """Name every configured file that is not there. A file that may not be looked at is not held missing."""
    for path, value in _named(config):
        if fault := _fault(Path(value)):
            pem = path[-2:] != ("auth", "passwords")
            yield Fault(path, _NO_PATH if pem and _may_be_a_key(value) else fault)


def _named(config: Config) -> Iterator[tuple[KeyPath, str]]:
    connection = config.docker.connection
    pems: list[tuple[KeyPath, str | None]] = [
        *((("ssh", "hostkeys", index), key) for index, key in enumerate(config.ssh.hostkeys)),
        *((("docker", "connection", name), getattr(connection, name)) for name in ("cacert", "cert", "key")),
    ]
    yield from ((path, value) for path, value in pems if value is not None and not is_pem_text(value))
    if config.auth.passwords is not None:
        yield ("auth", "passwords"), str(config.auth.passwords)


def _may_be_a_key(value: str) -> bool:
    return _KEY_TEXT.search(value) is not None


def _fault(path: Path) -> str | None:
    try:
        fault = fault_of_kind(path.stat())
    except PermissionError:
        return None
    except OSError as error:
        return f"{shortened(str(path), 200)}: {error.strerror}"
    return f"{shortened(str(path), 200)} {fault}" if fault else None
