"""The route that Prometheus scrapes."""

from __future__ import annotations

from collections.abc import Mapping

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from .http import Response, Route


def metrics_route(registry: CollectorRegistry) -> Route:
    """Answers with the registry's metrics, in the format that the request's Accept header prefers."""

    async def metrics(headers: Mapping[str, str]) -> Response:
        try:
            encode, content_type = choose_encoder(headers.get("accept", ""))
            return Response(200, encode(registry), content_type)
        except (ValueError, TypeError):
            # A version or escaping that the library stumbles over: everybody understands the default.
            encode, content_type = choose_encoder("")
            return Response(200, encode(registry), content_type)

    return metrics
