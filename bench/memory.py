"""Memory of a server for each connection with an idle shell. The shell's own is not counted, nor the engine's."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from pathlib import Path

import psutil

from .flavours import Flavour
from .idle.crowd import crowd
from .openssh_server import USER as SSHD_USER
from .processes import family
from .rig import Rig, Server, rig
from .series import Chapter, Claim, Floor, Series, ratio

PART = "memory"


def memory_chapters(
    image: str, flavours: Sequence[Flavour], before: int, connections: int, rest: float
) -> list[Chapter]:
    """Let a few come that stay, then so many more, at one server after the other; compare what the many added.

    The servers are new: one that had a crowd before would use its memory again. Were there not a few before, the many
    would bring what any first connection does. Everybody rests for so many seconds before a look.
    """
    with rig(image, flavours) as fresh:
        servers = [*fresh.without_containers, *fresh.sshore]
        values = {server.name: asyncio.run(_added(fresh, server, before, connections, rest)) for server in servers}
    series = [Series(name, "KB", [value]) for name, value in values.items()]
    sshd = values[fresh.sshd.name]
    floor = Floor(fresh.quick.name, values[fresh.quick.name])
    claims = [Claim(f"{server.name} / sshd", ratio(values[server.name], sshd)) for server in fresh.sshore]
    title = f"Memory of the server for each of {connections} connections with an idle shell"
    return [Chapter(title, series, claims, PART, "memory", {"": floor})]


async def _added(subjects: Rig, server: Server, before: int, connections: int, rest: float) -> float:
    user = SSHD_USER if server is subjects.sshd else "bench"
    async with crowd(server.port, subjects.key, before, command=None, user=user):
        await asyncio.sleep(rest)
        held = _proportional_kilobytes(server.pid)
        async with crowd(server.port, subjects.key, connections, command=None, user=user):
            await asyncio.sleep(rest)
            added = _proportional_kilobytes(server.pid) - held
    await asyncio.to_thread(subjects.settle, server)
    return added / connections


def _proportional_kilobytes(pid: int) -> float:
    """Return what a server's processes hold, with what they share counted once. A program it runs is none of them.

    From OpenSSH 9.8 on the processes of sshd's connections are `sshd-session` and `sshd-auth`.
    """
    server, total = Path(psutil.Process(pid).exe()).name, 0
    for member in family(pid):
        with contextlib.suppress(psutil.NoSuchProcess):
            if Path(member.exe()).name.startswith(server):
                total += member.memory_full_info().pss
    return total / 1024
