"""Certificates for an engine that listens with TLS."""

from __future__ import annotations

import atexit
import os
import shutil
import ssl
import tempfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

_LONGEST_PATH_SHOWN = 200
"""What is longer, or no absolute path, may be a key that has lost its first line."""


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """Paths of PEM files; each may be empty: the system's authorities, no client certificate."""

    cacert: str
    cert: str
    key: str

    @classmethod
    def of(cls, cacert: str, cert: str, key: str) -> TlsFiles:
        """Take PEM text or paths; text is kept in private files until this process ends.

        Raises ValueError when a file is missing, or one of `cert` and `key`.
        """
        return _files(cacert, cert, key)


@lru_cache(maxsize=4)
def _files(cacert: str, cert: str, key: str) -> TlsFiles:
    """The same texts are in the same files, however often a configuration is read."""
    if bool(cert) != bool(key):
        raise ValueError("a client certificate needs both cert and key")
    given = {"cacert": cacert, "cert": cert, "key": key}
    folder = None
    if any(_is_text(value) for value in given.values()):
        folder = Path(tempfile.mkdtemp(prefix="sshore-tls-"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return TlsFiles(**{name: _as_path(name, value, folder) for name, value in given.items()})


@lru_cache(maxsize=4)
def client_context(files: TlsFiles) -> ssl.SSLContext:
    """Return the context to connect with, made once. Raises ssl.SSLError or OSError for unusable files.

    Chain, name and dates are checked as Docker's own client does, the same under every Python: not whether a
    certificate has every extension of RFC 5280, which Python asks for since 3.13 and those made as
    https://docs.docker.com/engine/security/protect-access/ says lack; and an authority in cacert is one, even if
    another has signed it.
    """
    context = ssl.create_default_context(cafile=files.cacert or None)
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    if files.cert:
        context.load_cert_chain(files.cert, files.key, without_passphrase)
    return context


def without_passphrase() -> str:
    """Answer OpenSSL, which would else ask the terminal that the server was started from, and wait."""
    return ""


def _is_text(value: str) -> bool:
    return "-----BEGIN" in value


def _as_path(name: str, value: str, folder: Path | None) -> str:
    if folder is not None and _is_text(value):
        path = folder / f"{name}.pem"
        path.touch(mode=0o600)
        path.write_text(value)
        return str(path)
    if value and not os.access(value, os.R_OK):
        shown = f"{value!r} is" if len(value) <= _LONGEST_PATH_SHOWN and value.startswith("/") else "it is"
        raise ValueError(f"{name}: {shown} no PEM text and no readable file")
    return value
