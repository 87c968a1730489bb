"""Whether certificates and keys for an engine can be used at all, found out before anybody needs them."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path

from .tls import TlsFiles, without_passphrase

_WORDS = {
    "NO_START_LINE": "holds no PEM text of this kind",
    "NO_CERTIFICATE_OR_CRL_FOUND": "holds no certificate",
    "PEM_LIB": "is damaged, or no PEM text of this kind",
    "KEY_VALUES_MISMATCH": "is another certificate's private key",
    "KEY_TYPE_MISMATCH": "is another certificate's private key",
}


def unusable(files: TlsFiles) -> Iterator[tuple[str, str]]:
    """Yield `cacert`, `cert` or `key`, and what is wrong with it: a part of a sentence that holds nothing of its text.

    Blocks, as it reads the files. Any thread.
    """
    faults = {name: fault for name in ("cacert", "cert") if (fault := _no_certificate(getattr(files, name)))}
    if files.cert and "cert" not in faults and (fault := _no_key(files)):
        faults["key"] = fault
    yield from faults.items()


def require_usable(files: TlsFiles | None) -> None:
    """Raise ValueError, with a sentence for the operator, for the first that is of no use."""
    for name, fault in unusable(files) if files else ():
        raise ValueError(f"docker.connection.{name} {fault}")


def _no_certificate(path: str) -> str | None:
    if not path:
        return None
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=path)
    except OSError as error:
        return _reason(error)
    return None


def _no_key(files: TlsFiles) -> str | None:
    asked = []

    def passphrase() -> str:
        asked.append(True)
        return without_passphrase()

    try:
        if not Path(files.key).read_bytes().strip():
            return "is empty"
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(files.cert, files.key, passphrase)
    except OSError as error:
        return "is encrypted, and nobody can be asked for its passphrase" if asked else _reason(error)
    return None


def _reason(error: OSError) -> str:
    if not isinstance(error, ssl.SSLError):
        return f"cannot be read: {error.strerror}"
    reason = error.reason or "PEM_LIB"
    return _WORDS.get(reason, f"cannot be used: {reason.replace('_', ' ').lower()}")
