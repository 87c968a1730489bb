"""Metrics and health on the addresses that the operator chose."""

from __future__ import annotations

from collections.abc import Mapping

from prometheus_client import CollectorRegistry

from ..config.listen import parse_listen
from .exporter import metrics_route
from .health import Ready, healthz, readyz_route
from .http import HttpService, Route


class Monitoring:
    """The HTTP services of one gateway: for metrics, for health, or one for both on the same address."""

    def __init__(self) -> None:
        self._routes: dict[tuple[str, int], dict[str, Route]] = {}
        self.services: list[HttpService] = []

    def add_metrics(self, listen: str, path: str, registry: CollectorRegistry) -> None:
        """Serve the registry at `path` of `HOST:PORT`. Before `start`; raises ValueError."""
        self._add(listen, {path: metrics_route(registry)})

    def add_health(self, listen: str, ready: Ready) -> None:
        """Serve `/healthz` and `/readyz` at `HOST:PORT`. Before `start`; raises ValueError."""
        self._add(listen, {"/healthz": healthz, "/readyz": readyz_route(ready)})

    async def start(self) -> None:
        """Listen everywhere; raises OSError, with nothing left open, when one address cannot be had."""
        self.services = [HttpService(host, port, routes) for (host, port), routes in self._routes.items()]
        try:
            for service in self.services:
                await service.start()
        except OSError:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Stop listening and drop open connections. May be called twice, or without `start`."""
        for service in self.services:
            await service.stop()

    def _add(self, listen: str, routes: Mapping[str, Route]) -> None:
        taken = self._routes.setdefault(parse_listen(listen), {})
        doubled = taken.keys() & routes.keys()
        if doubled:
            raise ValueError(f"{listen}: {', '.join(sorted(doubled))} would be served twice")
        taken.update(routes)
