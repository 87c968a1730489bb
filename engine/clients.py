"""A pool of docker-py clients, because one client must not be used by two threads at once."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping
from queue import Empty, Full, LifoQueue
from typing import Any, TypeVar

from docker import APIClient
from docker.constants import DEFAULT_DOCKER_API_VERSION
from docker.transport.basehttpadapter import BaseHTTPAdapter
from requests import PreparedRequest
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool
from urllib3.connection import HTTPConnection

from .address import CALL_OPTIONS, EngineAddress
from .errors import AccessDenied, EngineError, TimedOut, Unavailable
from .podman import is_podman
from .translate import translate

T = TypeVar("T")

_SOME_SOCKET = "unix:///none"
"""What docker-py is told where it does not connect itself."""
_CONNECTION_FAILURES = (AccessDenied, TimedOut, Unavailable)


class ClientPool:
    """Lends clients to calls. Any thread, many at once.

    The last client returned is lent first; at most `size` are kept, each with one open connection. The API
    version is negotiated once, and again after the engine was away: it may have been replaced.
    """

    def __init__(self, address: EngineAddress, size: int = 16) -> None:
        self._address = address
        self._idle: LifoQueue[APIClient] = LifoQueue(size)
        self._closed = False
        self._version = ""
        self._version_in_doubt = True
        self.is_podman = False
        """Whether podman answers; known once a call was made."""

    def run(self, operation: str, timeout: float, call: Callable[[APIClient], T], *, resend: bool = True) -> T:
        """Return `call(client)`, which may take `timeout` seconds.

        Raises the EngineError that any exception of `call` means. A kept connection may have died unnoticed:
        a call that finds it so is sent again on a new one, unless `resend` is False.
        """
        deadline = time.monotonic() + timeout
        kept = self._take()
        if kept is not None:
            try:
                return self._attempt(operation, kept, deadline, call)
            except Unavailable:
                if not resend:
                    raise
        return self._attempt(operation, self._connect(operation, deadline), deadline, call)

    def api_version(self, timeout: float) -> str:
        """Return the negotiated version (`1.41`). Blocks only before the first call; raises as `run`."""
        if not self._version:
            self.run("ping", timeout, lambda client: None)
        return self._version

    @property
    def known_version(self) -> tuple[int, ...]:
        """The negotiated version as numbers (1, 41), empty before the first call. Never blocks."""
        return tuple(int(number) for number in self._version.split(".") if number)

    @property
    def kept(self) -> int:
        """How many connections wait for the next call. Never blocks."""
        return self._idle.qsize()

    def close(self) -> None:
        """Close what is idle now, and what is lent when it comes back."""
        self._closed = True
        self._forget()

    def _attempt(self, operation: str, client: APIClient, deadline: float, call: Callable[[APIClient], T]) -> T:
        try:
            result = _call(operation, client, deadline, call)
        except EngineError as error:
            self._release_failed(client, error)
            raise
        except BaseException:
            client.close()
            raise
        self._release(client)
        return result

    def _take(self) -> APIClient | None:
        try:
            return self._idle.get_nowait()
        except Empty:
            return None

    def _release(self, client: APIClient) -> None:
        try:
            self._idle.put_nowait(client)
        except Full:
            client.close()
        if self._closed:
            self._forget()

    def _release_failed(self, client: APIClient, error: EngineError) -> None:
        if not isinstance(error, _CONNECTION_FAILURES):
            self._release(client)
            return
        client.close()
        if isinstance(error, Unavailable):
            self._version_in_doubt = True
            self._forget()

    def _forget(self) -> None:
        while (client := self._take()) is not None:
            client.close()

    def _connect(self, operation: str, deadline: float) -> APIClient:
        # Two threads may negotiate at the same time; they learn the same.
        if self._version_in_doubt:
            client = self._new_client(operation, DEFAULT_DOCKER_API_VERSION)
            with contextlib.closing(client):
                answer: dict[str, Any] = _call(operation, client, deadline, _system_version)
            self._version, self.is_podman = str(answer["ApiVersion"]), is_podman(answer)
            self._version_in_doubt = False
        return self._new_client(operation, self._version)

    def _new_client(self, operation: str, version: str) -> APIClient:
        plain_tcp = bool(self._address.host) and self._address.tls is None
        url = self._address.base_url if plain_tcp or self._address.path else _SOME_SOCKET
        try:
            client = APIClient(url, version=version)
        except Exception as failure:
            raise translate(operation, failure) from failure
        if plain_tcp:
            _tune(client)
        else:
            client.mount("http+docker://", _OneEngine(self._address))
        # Else HTTP_PROXY would stand in between.
        client.trust_env = False
        return client


class _OneEngine(BaseHTTPAdapter):
    """Connects as `address` says, over a unix socket, TLS or ssh.

    docker-py's own adapters keep connections by URL: 25 in each client, one for each container asked about. And TLS is
    checked in one way, that of `client_context`, for calls as for streams.
    """

    def __init__(self, address: EngineAddress) -> None:
        super().__init__()
        self._pool = _Connections(address)

    def get_connection(self, url: str | bytes, proxies: Mapping[str, str] | None = None) -> HTTPConnectionPool:
        return self._pool

    def request_url(self, request: PreparedRequest, proxies: Mapping[str, str] | None) -> str:
        return str(request.path_url)

    def close(self) -> None:
        self._pool.close()
        super().close()


class _Connections(HTTPConnectionPool):
    def __init__(self, address: EngineAddress) -> None:
        super().__init__("localhost", maxsize=1)
        self._address = address

    def _new_conn(self) -> HTTPConnection:
        return _Connection(self._address)


class _Connection(HTTPConnection):
    def __init__(self, address: EngineAddress) -> None:
        super().__init__(address.host or "localhost", address.port or None)
        self._address = address

    def connect(self) -> None:
        # urllib3 sets it before, from the client's own.
        assert self.timeout is not None
        self.sock = self._address.connect_blocking(self.timeout)


def _tune(client: APIClient) -> None:
    for adapter in client.adapters.values():
        if isinstance(adapter, HTTPAdapter):
            adapter.poolmanager.connection_pool_kw["socket_options"] = list(CALL_OPTIONS)


def _call(operation: str, client: APIClient, deadline: float, call: Callable[[APIClient], T]) -> T:
    try:
        client.timeout = _remaining(deadline)  # type: ignore[assignment]  # the stub knows whole seconds only
        return call(client)
    except Exception as failure:
        raise translate(operation, failure) from failure


def _system_version(client: APIClient) -> Any:
    return client.version(api_version=False)


def _remaining(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left
