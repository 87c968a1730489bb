"""The server's host keys: given by the operator, or made once and kept in the state folder."""

from __future__ import annotations

import os
import stat
import tempfile
from functools import lru_cache
from pathlib import Path

import asyncssh
import structlog

from ..config.pem import is_pem_text
from ..config.plain_files import MOST_BYTES, plain_file
from .posix_acl import open_to_others

_log = structlog.get_logger(__name__)
# RSA for clients that know nothing newer.
_GENERATED = {
    "ed25519": ("ssh-ed25519", {}),
    "ecdsa": ("ecdsa-sha2-nistp256", {}),
    "rsa": ("ssh-rsa", {"key_size": 3072}),
}


class HostKeyError(ValueError):
    """A host key cannot be used; the text is for the operator and never holds key material."""


def load_host_keys(hostkeys: list[str], state: Path) -> list[asyncssh.SSHKey]:
    """Load private keys, each given as PEM text or as a file's path; none given: those of `state/hostkeys/`.

    What is missing is made, with mode 0600; gateways that start at once agree on them. Blocks (an RSA
    key takes a third of a second to make): call it before the loop runs, or in a thread. Raises HostKeyError.
    """
    if hostkeys:
        return [_given(value) for value in hostkeys]
    folder = state / "hostkeys"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return [_kept(folder / f"ssh_host_{name}_key", name) for name in _GENERATED]
    except OSError as error:
        raise HostKeyError(f"{error.filename or folder}: {error.strerror}") from error


def _given(value: str) -> asyncssh.SSHKey:
    if is_pem_text(value):
        return _import("a host key given as text", value.encode())
    return _read(Path(value))


def _kept(path: Path, name: str) -> asyncssh.SSHKey:
    if not path.exists():
        _create(path, name)
    return _read(path)


def _read(path: Path) -> asyncssh.SSHKey:
    try:
        with plain_file(path) as file:
            _check(path, file.fileno(), os.fstat(file.fileno()))
            return _import(str(path), file.read(MOST_BYTES))
    except OSError as error:
        raise HostKeyError(f"{path}: {error.strerror}") from error


def _check(path: Path, descriptor: int, status: os.stat_result) -> None:
    if status.st_uid not in (0, os.geteuid()):
        raise HostKeyError(f"{path} belongs to uid {status.st_uid}, neither to root nor to uid {os.geteuid()}")
    if open_to_others(descriptor, status):
        mode = stat.S_IMODE(status.st_mode)
        raise HostKeyError(f"{path} is open to others (mode {mode:04o}); do: chmod 600 {path}")


@lru_cache(maxsize=8)
def _import(source: str, data: bytes) -> asyncssh.SSHKey:
    """Nothing is parsed twice: of an RSA key that takes a tenth of a second, in which no other thread runs."""
    try:
        return asyncssh.import_private_key(data)
    except (asyncssh.KeyImportError, ValueError) as error:
        raise HostKeyError(f"{source} is not a private key without a passphrase: {error}") from error


def _create(path: Path, name: str) -> None:
    algorithm, parameters = _GENERATED[name]
    key = asyncssh.generate_private_key(algorithm, comment="sshore", **parameters)
    descriptor, draft = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with open(descriptor, "wb") as file:
            file.write(key.export_private_key())
            file.flush()
            os.fsync(descriptor)
        _publish(draft, path)
    finally:
        os.unlink(draft)


def _publish(draft: str, path: Path) -> None:
    """Give the file its name unless another gateway was faster: `link` never replaces, `rename` does."""
    try:
        os.link(draft, path)
    except FileExistsError:
        return
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    _log.info("host_key_created", file=str(path))
