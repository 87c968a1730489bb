"""The network that containers join."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping

from .clients import ClientPool
from .errors import Conflict, NotFound

_OPERATION = "network_create"
_RIVAL_SECONDS = 1.0
_PAUSE = 0.05


def ensure_network(
    pool: ClientPool, name: str, options: Mapping[str, str], labels: Mapping[str, str], timeout: float
) -> None:
    """Docker API, "NetworkList", "NetworkCreate", "NetworkDelete". Blocks up to `timeout` seconds. Any thread."""
    making = _Making(pool, name, time.monotonic() + timeout)
    if making.present():
        return
    # A race for the name is decided below; what the engine notices itself is decided.
    with contextlib.suppress(Conflict):
        making.settle(making.create(options, labels))


class _Making:
    """Creates one network of a name, though several may try at once.

    The engine (measured with 20.10, CheckDuplicate on) lets all of them succeed, and no container starts on a name
    that two networks have. Whoever sees a rival beside his own network withdraws, but for the one with the least
    id: he waits for the others to go. If one stays, because it looked when it was alone, he withdraws too.
    """

    def __init__(self, pool: ClientPool, name: str, deadline: float) -> None:
        self._pool = pool
        self._name = name
        self._deadline = deadline

    def present(self) -> set[str]:
        """Return the ids of the networks of that name; the engine's filter matches parts of names too."""
        rows = self._pool.run(_OPERATION, self._left(), lambda client: client.networks(names=[self._name]))
        return {row["Id"] for row in rows if row["Name"] == self._name}

    def create(self, options: Mapping[str, str], labels: Mapping[str, str]) -> str:
        answer = self._pool.run(
            _OPERATION,
            self._left(),
            lambda client: client.create_network(
                self._name, driver="bridge", options=dict(options), labels=dict(labels), check_duplicate=True
            ),
        )
        return str(answer["Id"])

    def settle(self, own: str) -> None:
        patience = time.monotonic() + _RIVAL_SECONDS
        while rivals := self.present() - {own}:
            if min(rivals) < own or time.monotonic() > patience:
                self._withdraw(own)
                return
            time.sleep(_PAUSE)

    def _withdraw(self, own: str) -> None:
        with contextlib.suppress(NotFound):
            self._pool.run(_OPERATION, self._left(), lambda client: client.remove_network(own))

    def _left(self) -> float:
        return self._deadline - time.monotonic()
