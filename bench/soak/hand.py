"""Somebody at the engine who meddles with containers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from bench.raw_engine import RawEngine
from bench.rig import engine_socket


class Hand:
    """Its calls go to the engine itself, each on a connection of its own. Loop only."""

    async def remove(self, name: str) -> None:
        """Remove the container, whatever runs in it."""
        await asyncio.to_thread(_with_engine, lambda engine: engine.remove(name))

    async def freeze(self, name: str, frozen: bool) -> None:
        """Pause the container, or let it go on."""
        await asyncio.to_thread(_with_engine, lambda engine: engine.freeze(name, frozen))


def _with_engine(deed: Callable[[RawEngine], None]) -> None:
    engine = RawEngine(engine_socket())
    try:
        deed(engine)
    finally:
        engine.close()
