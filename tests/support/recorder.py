"""A receiver that remembers what a program says."""

from __future__ import annotations

import asyncio

SECONDS = 15.0


class Recorder:
    """A `ProgramReceiver` for tests. Lives in the running loop."""

    def __init__(self) -> None:
        self.stdout = bytearray()
        self.stderr = bytearray()
        self.calls = 0
        self.failure: Exception | None = None
        self.has_ended = False
        self.input_paused = False
        self._changed = asyncio.Event()

    def output_received(self, data: bytes | memoryview, *, stderr: bool) -> None:
        assert not self.has_ended
        self.calls += 1
        (self.stderr if stderr else self.stdout).extend(data)
        self._changed.set()

    def ended(self, failure: Exception | None) -> None:
        assert not self.has_ended
        self.has_ended = True
        self.failure = failure
        self._changed.set()

    def pause_input(self) -> None:
        assert not self.input_paused
        self.input_paused = True
        self._changed.set()

    def resume_input(self) -> None:
        assert self.input_paused
        self.input_paused = False
        self._changed.set()

    async def until_ended(self) -> Exception | None:
        """Return the failure that the stream ended with."""
        await self._until(lambda: self.has_ended)
        return self.failure

    async def until_stdout(self, text: bytes) -> None:
        await self._until(lambda: text in self.stdout)

    async def until_input_flows(self, flows: bool) -> None:
        await self._until(lambda: self.input_paused is not flows)

    async def _until(self, condition) -> None:
        async with asyncio.timeout(SECONDS):
            while not condition():
                self._changed.clear()
                await self._changed.wait()
