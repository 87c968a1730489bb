"""Clients that log in, start a shell, and say nothing more."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import asyncssh

USER = "bench"
_AT_ONCE = 10
_SECONDS = 120


@asynccontextmanager
async def crowd(port: int, key: Path, number: int, *, command: str | None, user: str = USER) -> AsyncIterator[None]:
    """Hold so many connections open, each with a shell on a terminal that has shown its prompt, or with `command`.

    The clients live in the calling process, not in the server's.
    """
    async with AsyncExitStack() as stack:
        turn = asyncio.Semaphore(_AT_ONCE)
        private = asyncssh.read_private_key(key)

        async def come() -> None:
            async with turn, asyncio.timeout(_SECONDS):
                await _come(stack, port, user, private, command)

        await asyncio.gather(*(come() for _ in range(number)))
        yield


async def _come(stack: AsyncExitStack, port: int, user: str, key: asyncssh.SSHKey, command: str | None) -> None:
    connection = await asyncssh.connect(
        "127.0.0.1", port, username=user, client_keys=[key], known_hosts=None, agent_path=None, config=None
    )
    await stack.enter_async_context(connection)
    if command:
        await connection.create_process(command)
        return
    shell = await connection.create_process(term_type="xterm", term_size=(80, 24))
    if not await shell.stdout.read(1):
        raise RuntimeError("a shell ended at once")
