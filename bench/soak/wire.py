"""The way from the server to the engine, which now and then stalls or breaks."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

_CHUNK = 256 * 1024
_SECONDS = 30.0

T = TypeVar("T")


class Wire:
    """Passes the connections of one unix socket on to another, in a thread of its own. Any thread may call."""

    def __init__(self, path: Path, engine: str) -> None:
        self._path = path
        self._engine = engine
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="wire", daemon=True)
        self._flows = asyncio.Event()
        self._ends: set[asyncio.StreamWriter] = set()
        self.connections = 0
        """How many are open."""

    def start(self) -> None:
        """Begin to listen."""
        self._thread.start()
        self._do(self._listen())

    def stop(self) -> None:
        """Break everything and end."""
        self.cut()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_SECONDS)

    def cut(self) -> None:
        """Break every connection; new ones are taken."""
        self._do(self._break())

    def stall(self, stalled: bool) -> None:
        """Pass nothing on, or go on."""
        self._loop.call_soon_threadsafe(self._flows.clear if stalled else self._flows.set)

    def _do(self, step: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(step, self._loop).result(_SECONDS)

    async def _listen(self) -> None:
        self._flows.set()
        self._server = await asyncio.start_unix_server(self._accept, self._path)

    async def _break(self) -> None:
        for end in list(self._ends):
            end.transport.abort()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ends = [writer]
        self._ends.add(writer)
        self.connections += 1
        try:
            engine_reader, engine_writer = await asyncio.open_unix_connection(self._engine)
            ends.append(engine_writer)
            self._ends.add(engine_writer)
            await asyncio.gather(self._pass(reader, engine_writer), self._pass(engine_reader, writer))
            await asyncio.gather(*(_deliver(end) for end in ends))
        except OSError:
            pass
        finally:
            self.connections -= 1
            self._ends.difference_update(ends)
            for end in ends:
                end.transport.abort()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(_CHUNK):
            await self._flows.wait()
            writer.write(data)
            await writer.drain()
        with contextlib.suppress(OSError):
            writer.write_eof()


async def _deliver(end: asyncio.StreamWriter) -> None:
    """Close it behind what still waits to be sent."""
    end.close()
    await end.wait_closed()


@contextmanager
def wire(path: Path, engine: str) -> Iterator[Wire]:
    """Let whoever connects to `path` reach the engine's socket."""
    made = Wire(path, engine)
    made.start()
    try:
        yield made
    finally:
        made.stop()
