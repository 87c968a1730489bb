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

_IGNORE_UNEXPECTED_EOF = getattr(ssl, "OP_IGNORE_UNEXPECTED_EOF", 0)  # OpenSSL 1.1 has none


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
    another has signed it. An end without close_notify is an error, which it is not by itself under Python 3.10 to
    3.11.2: half an output would look like a whole one.
    """
    context = ssl.create_default_context(cafile=files.cacert or None)
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.options &= ~_IGNORE_UNEXPECTED_EOF
    if files.cert:
        context.load_cert_chain(files.cert, files.key, without_passphrase)
    return context


def is_end_of_connection(error: BaseException) -> bool:
    """Return whether this says that the other side has ended the connection: it refuses nothing.

    Python 3.11.2 and older have no exception of its own for OpenSSL 3's word for it.
    """
    if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return True
    return isinstance(error, ssl.SSLError) and getattr(error, "reason", "") == "UNEXPECTED_EOF_WHILE_READING"


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
