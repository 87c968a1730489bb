"""Where a Docker Engine listens, and how to reach it."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from .errors import AccessDenied, EngineError, TimedOut, Unavailable
from .reasons import reason
from .ssh_socket import SshSocket, ssh_command
from .tls import TlsFiles, client_context, is_end_of_connection

VANISHED_SECONDS = 30
"""How long an engine's machine may be silent, when something is expected of it, before it counts as gone."""
_SILENCE = 15
_PROBES = 3
TCP_OPTIONS = (
    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _SILENCE),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, (VANISHED_SECONDS - _SILENCE) // _PROBES),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, _PROBES),
)
"""Send keystrokes at once, and notice on an idle connection that the engine's machine has vanished."""
CALL_OPTIONS = (*TCP_OPTIONS, (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, VANISHED_SECONDS * 1000))
"""The same where requests are sent: they are small, and whoever lives reads them."""
_PLAIN_PORT = 2375
_TLS_PORT = 2376


@dataclass(frozen=True, slots=True)
class EngineAddress:
    """A unix socket (`path`), a TCP endpoint (`host` and `port`), with TLS when `tls` is set, or an ssh URL (`ssh`).

    Any thread may use it; it holds no connection.
    """

    path: str = ""
    host: str = ""
    port: int = 0
    tls: TlsFiles | None = None
    ssh: str = ""

    @classmethod
    def parse(cls, host: str, cacert: str = "", cert: str = "", key: str = "") -> EngineAddress:
        """Read an address as Docker's client writes it: `unix:///path`, `tcp://host:port`, `https://host`,
        `ssh://user@host`.

        `cacert`, `cert` and `key` are PEM text or paths of PEM files; any of them turns TLS on.
        Raises ValueError with a sentence for the operator.
        """
        parts = urlsplit(host)
        if parts.scheme == "unix":
            return _unix(host, parts, tls=bool(cacert or cert or key))
        if parts.scheme == "ssh":
            return _ssh(host, parts, tls=bool(cacert or cert or key))
        if parts.scheme not in ("tcp", "http", "https"):
            raise ValueError(f"{host!r} is no engine address: write unix:///path, tcp://host:port or ssh://user@host")
        if not parts.hostname or parts.path not in ("", "/"):
            raise ValueError(f"{host!r} is no engine address: write tcp://host:port")
        wants_tls = parts.scheme == "https" or bool(cacert or cert or key)
        tls = TlsFiles.of(cacert, cert, key) if wants_tls else None
        port = parts.port or (_TLS_PORT if tls else _PLAIN_PORT)
        return cls(host=parts.hostname, port=port, tls=tls)

    @property
    def base_url(self) -> str:
        """The address as docker-py takes it, and `parse`."""
        if self.path:
            return f"unix://{self.path}"
        if self.ssh:
            return self.ssh
        return f"{'https' if self.tls else 'http'}://{self._authority}"

    @property
    def host_header(self) -> str:
        """What goes into the `Host` header of a request."""
        return self._authority if self.host else "localhost"

    def start_ssh(self, timeout: float | None) -> socket.socket:
        """Start ssh for a connection; `timeout` as of a socket, 0 for one that does not block. Raises OSError."""
        sock = SshSocket(ssh_command(urlsplit(self.ssh)))
        sock.settimeout(timeout)
        return sock

    @property
    def _authority(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def connect_blocking(self, timeout: float) -> socket.socket:
        """Connect within `timeout` seconds, TLS handshake included; the socket keeps that timeout.

        Raises OSError: TimeoutError, PermissionError, ssl.SSLError, …
        """
        if self.path:
            return _connect_unix(self.path, timeout)
        if self.ssh:
            return self.start_ssh(timeout)
        sock = socket.create_connection((self.host, self.port), timeout)
        try:
            tune_tcp(sock, CALL_OPTIONS)
            if self.tls is None:
                return sock
            context = client_context(self.tls)
            return context.wrap_socket(sock, server_hostname=self.host, suppress_ragged_eofs=False)
        except BaseException:
            sock.close()
            raise


def _ssh(host: str, parts: SplitResult, *, tls: bool) -> EngineAddress:
    if not parts.hostname or parts.password is not None or parts.query or parts.fragment:
        raise ValueError(f"{host!r} is no engine address: write ssh://user@host, and :port behind it if it is not 22")
    if tls:
        raise ValueError(f"{host!r} is an ssh connection, which takes no TLS certificates")
    ssh_command(parts)
    return EngineAddress(ssh=host)


def _unix(host: str, parts: SplitResult, *, tls: bool) -> EngineAddress:
    if parts.netloc or not parts.path:
        raise ValueError(f"{host!r} is no engine address: write unix:///path, with three slashes")
    if tls:
        raise ValueError(f"{host!r} is a unix socket, which takes no TLS certificates")
    return EngineAddress(path=parts.path)


def _connect_unix(path: str, timeout: float) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX)
    try:
        sock.settimeout(timeout)
        sock.connect(path)
    except BaseException:
        sock.close()
        raise
    return sock


def tune_tcp(sock: socket.socket, options: Iterable[tuple[int, int, int]] = TCP_OPTIONS) -> None:
    """Set `options` of a TCP socket."""
    for level, name, value in options:
        sock.setsockopt(level, name, value)


def unreachable(operation: str, error: OSError) -> EngineError:
    """Return what a failure to connect, or of a connection, means for `operation`."""
    detail = reason(error)
    if isinstance(error, PermissionError | ssl.SSLError) and not is_end_of_connection(error):
        return AccessDenied(operation, detail)
    if isinstance(error, TimeoutError):
        return TimedOut(operation, detail)
    return Unavailable(operation, detail)
