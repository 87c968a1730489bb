"""Which containers are left over: made by sshore, owned by nobody."""

from __future__ import annotations

import time

from ..engine import labels
from ..engine.errors import EngineError
from ..engine.interface import Engine
from ..engine.pipes.sharing import Sharing
from ..engine.types import ContainerSummary
from .gateway import Gateway
from .log import Log
from .ports import Ledger


class Sweeper:
    """Finds this gateway's containers without an owner, those of dead gateways of its state folder, and anybody's
    that were created and never started for longer than their label says, or else `start_limit`, in seconds. Never
    another living gateway's: his containers may take as long as he himself allows."""

    def __init__(
        self,
        engine: Engine,
        gateway: Gateway,
        ledger: Ledger,
        log: Log,
        *,
        start_limit: float,
        sharing: Sharing | None = None,
    ) -> None:
        self._engine = engine
        self._gateway = gateway
        self._ledger = ledger
        self._log = log
        self._start_limit = start_limit
        self._sharing = sharing

    def stale(self) -> list[str]:
        """Return the names to remove; empty while no engine answers. Blocks.

        The locks and the named pipes of the dead are cleared away.
        """
        try:
            self._gateway.keep_lock()
        except OSError as error:
            # Without its own lock it is no judge of others'.
            self._log.error("state_folder_unusable", cause=str(error))
            return []
        if self._sharing:
            self._sharing.sweep(self._gateway.has_ended)
        owned_before = frozenset(self._ledger.names)
        try:
            found = self._engine.list_containers({labels.PRESENT: ""}, timeout=self._start_limit)
        except EngineError as error:
            self._log.warning("sweep_failed", code=error.code, cause=str(error))
            return []
        # Whatever was created before the listing had its name written down before that, if only just; what was
        # removed behind it had its name crossed out behind that.
        owned = owned_before | frozenset(self._ledger.names)
        stale = [container.name for container in found if self._is_stale(container, owned)]
        self._gateway.clear_locks()
        return stale

    def _is_stale(self, container: ContainerSummary, owned: frozenset[str]) -> bool:
        gateway = container.labels.get(labels.GATEWAY, "")
        if gateway == self._gateway.id:
            return container.name not in owned
        if container.labels.get(labels.MACHINE) == self._gateway.machine and self._gateway.has_ended(gateway):
            return True
        return container.state == "created" and time.time() - container.created > self._limit_of(container)

    def _limit_of(self, container: ContainerSummary) -> float:
        try:
            return float(container.labels[labels.START_LIMIT])
        except (KeyError, ValueError):
            return self._start_limit
