"""The plain streams of a program, as an embedding program has them."""

from __future__ import annotations

import asyncio

from sshore.backend.channel import SessionChannel

SECONDS = 20.0


class Target:
    """What a program writes to. It takes everything, or nothing while `open` is not set."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.open = asyncio.Event()
        self.open.set()
        self._grown = asyncio.Event()

    def write(self, data: bytes) -> None:
        self.data += data
        self._grown.set()

    async def drain(self) -> None:
        await self.open.wait()

    async def until(self, text: bytes) -> None:
        """Wait until the program has written this."""
        async with asyncio.timeout(SECONDS):
            while text not in self.data:
                self._grown.clear()
                await self._grown.wait()


class Wires:
    """The streams of one program, and its exit. Without `stdin` its input stays open."""

    def __init__(self, stdin: bytes | None = b"", stdout: Target | None = None) -> None:
        self.stdin = asyncio.StreamReader()
        self.stdout = stdout or Target()
        self.stderr = Target()
        self.statuses: list[int] = []
        self.stdout_at_exit = b""
        self._exited = asyncio.Event()
        if stdin is not None:
            self.stdin.feed_data(stdin)
            self.stdin.feed_eof()

    def on_exit(self, status: int) -> None:
        self.statuses.append(status)
        self.stdout_at_exit = bytes(self.stdout.data)
        self._exited.set()

    async def exit(self) -> int:
        """Wait for the exit status."""
        await asyncio.wait_for(self._exited.wait(), SECONDS)
        assert len(self.statuses) == 1
        return self.statuses[0]

    def exec(self, channel: SessionChannel, command: str) -> None:
        channel.exec(command, self.stdin, self.stdout, self.stderr, self.on_exit)
