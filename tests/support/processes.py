"""What runs in a container, seen by another session of the same connection."""

from __future__ import annotations

import asyncio

import asyncssh

GONE_SECONDS = 3.0


async def running(connection: asyncssh.SSHClientConnection, command: str) -> int:
    """Return how many processes have this command line."""
    script = "for file in /proc/[0-9]*/cmdline; do tr '\\0' ' ' <$file 2>/dev/null; echo; done"
    listed = await connection.run(script, check=True)
    return [line.strip() for line in str(listed.stdout).splitlines()].count(command)


async def nothing_like(connection: asyncssh.SSHClientConnection, command: str) -> None:
    """Wait until no process has this command line any more."""
    await this_many(connection, command, 0)


async def this_many(connection: asyncssh.SSHClientConnection, command: str, number: int) -> None:
    """Wait, not for long, until so many processes have this command line."""
    async with asyncio.timeout(GONE_SECONDS):
        seen = await running(connection, command)
        while seen != number:
            seen = await running(connection, command)
