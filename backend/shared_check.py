"""Asking the engine whether it answers, once for all who want to know."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from ..engine.errors import EngineError


class SharedCheck:
    """One check at a time, in a thread that does nothing else: an engine that hangs keeps that one. Loop only."""

    def __init__(self, check: Callable[[], object]) -> None:
        """`check` blocks, within a deadline of its own, and raises EngineError."""
        self._check = check
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="sshore-health")
        self._running: asyncio.Future[str | None] | None = None

    async def ask(self) -> str | None:
        """Return None, or what the check that runs or begins now raised. Who gives up leaves it to the others."""
        if self._running is None or self._running.done():
            self._running = asyncio.get_running_loop().run_in_executor(self._thread, self._reason)
        return await asyncio.shield(self._running)

    def close(self) -> None:
        """Let the thread end when it is free."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _reason(self) -> str | None:
        try:
            self._check()
        except EngineError as error:
            return str(error)
        return None
