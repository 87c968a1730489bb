"""What a transport does with a session: a sink that remembers, in the running loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from sshore.actors.refusals import Refused

SECONDS = 30.0


@dataclass(frozen=True)
class End:
    """A program's exit."""

    status: int
    notice: str = ""


class Client:
    """A `ProgramSink`."""

    def __init__(self) -> None:
        self.stdout = bytearray()
        self.stderr = bytearray()
        self.ends: list[End | Refused] = []
        self.input_paused = False
        self.pauses = 0
        self._changed = asyncio.Event()

    def output_received(self, data: bytes | memoryview, *, stderr: bool) -> None:
        assert not self.ends, "output behind the end"
        (self.stderr if stderr else self.stdout).extend(data)
        self._changed.set()

    def pause_input(self) -> None:
        self.input_paused = True
        self.pauses += 1
        self._changed.set()

    def resume_input(self) -> None:
        self.input_paused = False
        self._changed.set()

    def exited(self, status: int, notice: str) -> None:
        self._end(End(status, notice))

    def refused(self, refused: Refused) -> None:
        self._end(refused)

    async def until_end(self) -> End | Refused:
        """Return the one word about the end."""
        await self.until(lambda: bool(self.ends))
        return self.ends[0]

    async def until_stdout(self, text: bytes) -> None:
        await self.until(lambda: text in self.stdout)

    async def until_input_flows(self) -> None:
        await self.until(lambda: not self.input_paused)

    async def until(self, condition: Callable[[], bool]) -> None:
        try:
            async with asyncio.timeout(SECONDS):
                while not condition():
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise AssertionError(f"out {bytes(self.stdout)!r} err {bytes(self.stderr)!r} {self.ends}") from None

    def _end(self, end: End | Refused) -> None:
        assert not self.ends, "a second end"
        self.ends.append(end)
        self._changed.set()


async def eventually(condition: Callable[[], bool], what: str | Callable[[], str] = "it") -> None:
    """Wait for something that threads bring about and nobody announces; `what` says what did not happen."""
    deadline = asyncio.get_running_loop().time() + SECONDS
    while not condition():
        assert asyncio.get_running_loop().time() < deadline, f"{what() if callable(what) else what} did not happen"
        await asyncio.sleep(0.005)
