"""The routes that tell a supervisor whether the gateway lives and whether it can serve."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

import structlog

from .http import Response, Route

_log = structlog.get_logger(__name__)

Ready = Callable[[], Awaitable[str | None]]
"""Gives None when the gateway can serve, else the reason why not, for operators."""


async def healthz(headers: Mapping[str, str]) -> Response:
    """The loop turns: that is all that "alive" means."""
    return Response.text(200, "ok")


def readyz_route(ready: Ready, deadline: float = 5.0) -> Route:
    """Answers 200 when ready, else 503 with the reason, which may be that the check took `deadline` s."""

    async def readyz(headers: Mapping[str, str]) -> Response:
        reason = await _reason(ready, deadline)
        return Response.text(200, "ready") if reason is None else Response.text(503, f"not ready: {reason}")

    return readyz


async def _reason(ready: Ready, deadline: float) -> str | None:
    try:
        async with asyncio.timeout(deadline):
            return await ready()
    except TimeoutError:
        return f"no answer within {deadline:g} s"
    except Exception:
        _log.exception("readiness_check_failed")
        return "the check itself failed"
