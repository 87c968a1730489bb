"""A neighbour of whatever happens: a session that has to go on as if nothing were."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from .census import Census
from .clients import Client, clients
from .gateway import Gateway, wait_until

ANSWER_SECONDS = 10.0
"""How long a line may take to come back. On a quiet machine it takes a millisecond, but others may use it too."""


class Witness:
    """A connection of its own, whose program says again what it is told."""

    def __init__(self, client: Client, gateway: Gateway) -> None:
        self._client = client
        self._lines = 0
        self.answers()
        wait_until(gateway.guarded)
        gateway.await_full_pool()
        gateway.await_shells(1)
        self.before = Census.of(gateway)
        """What the gateway holds with it, and nobody else."""

    def answers(self) -> float:
        """Say a line and wait until it comes back; return the seconds that this took."""
        self._lines += 1
        began = time.monotonic()
        self._client.type(f"line {self._lines};")
        self._client.expect(f"line {self._lines};", ANSWER_SECONDS)
        return time.monotonic() - began


@contextmanager
def witness_of(gateway: Gateway) -> Iterator[Witness]:
    """Such a session, as long as the block runs. It has to be well to its end."""
    with clients(gateway, 1, "exec cat") as [client]:
        yield Witness(client, gateway)
        client.log_out()
        assert client.wait() == 0, client.output
