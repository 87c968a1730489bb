"""What the loop reports by itself, without a flood of it."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import structlog

from .strict_modes import EXHAUSTED

_EVERY_SECONDS = 10.0


class LoopErrors:
    """The exception handler of the server's loop (`asyncio.loop.set_exception_handler`). Loop only.

    A listener without descriptors left tries again after a second; asyncio reports a hundred failures each time.
    """

    def __init__(self) -> None:
        self._log = structlog.get_logger()
        self._told_at = -_EVERY_SECONDS

    def __call__(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if not (isinstance(error, OSError) and error.errno in EXHAUSTED and "socket" in context):
            loop.default_exception_handler(context)
        elif time.monotonic() - self._told_at >= _EVERY_SECONDS:
            self._told_at = time.monotonic()
            self._log.error("clients_wait", cause=error.strerror)
