"""Counts the program streams that are opened."""

from __future__ import annotations

from .counted import Counted
from .interface import ProgramReceiver, ProgramStream, StreamOpener


class InstrumentedStreams:
    """Another opener, counted and never tried again: a program must not start twice (`StreamOpener`)."""

    def __init__(self, streams: StreamOpener, counted: Counted) -> None:
        self._streams = streams
        self._counted = counted

    async def open_exec(self, exec_id: str, receiver: ProgramReceiver, *, tty: bool, timeout: float) -> ProgramStream:
        with self._counted("exec_start"):
            return await self._streams.open_exec(exec_id, receiver, tty=tty, timeout=timeout)

    async def open_attach(
        self, container_id: str, receiver: ProgramReceiver, *, tty: bool, timeout: float
    ) -> ProgramStream:
        with self._counted("container_attach"):
            return await self._streams.open_attach(container_id, receiver, tty=tty, timeout=timeout)
