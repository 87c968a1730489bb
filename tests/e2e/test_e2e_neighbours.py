"""Whatever clients send, logged in or not, another one's keystrokes and commands take about as long as before."""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from support import attackers
from support.growth import MIB, Growth
from support.server import USER, Server, Serving

pytestmark = pytest.mark.engine

TRIES = 3
_SECONDS = 30.0
_LIMITS = {"maxStartups": 0, "maxConnectionsPerAddress": 0}

ATTACKS = {
    "ignored_before_login": (50, 10),
    "name_lists": (20, 10),
    "endless_versions": (20, 10),
    "half_logins": (20, 10),
    "ignored": (3, 10),
    "global_requests": (3, 10),
    "forwards": (3, 10),
    "channel_opens": (3, 10),
    "unknown_packets": (3, 10),
    "channel_requests": (3, 10),
    "key_exchanges": (3, 10),
    "single_bytes": (1, 10),
    "tiny_packets": (3, 5),
    "tiny_windows": (3, 5),
}
"""How many clients there are, and how many times as long something may take."""


@pytest.fixture(scope="module")
def attacked(serving: Serving) -> Iterator[Server]:
    with serving({}, limits=_LIMITS) as server:
        yield server


def start_attack(server: Server, kind: str, number: int) -> subprocess.Popen[bytes]:
    """Have so many clients of a kind at work, in a process of their own."""
    argv = [sys.executable, attackers.__file__, kind, str(server.port), USER, str(server.folder / "id"), str(number)]
    process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout
    assert process.stdout.readline() == b"ready\n"
    return process


def end_attack(process: subprocess.Popen[bytes]) -> None:
    process.communicate(timeout=_SECONDS)


@contextmanager
def attack(server: Server, kind: str, number: int) -> Iterator[None]:
    process = start_attack(server, kind, number)
    try:
        yield
        assert process.poll() is None, "the attackers gave up"
    finally:
        end_attack(process)


@dataclass(frozen=True)
class Times:
    """Seconds: the usual ones, and those that one in ten takes at least."""

    usual: float
    long: float

    @classmethod
    def of(cls, took: list[float]) -> Times:
        return cls(statistics.median(took), sorted(took)[len(took) * 9 // 10])

    def within(self, factor: int, others: Times) -> bool:
        """Whether they are so many times the others' at most. The machine's own hiccups are in the long ones."""
        return self.usual <= factor * others.usual and self.long <= 2 * factor * others.long


class Neighbour:
    """A client who types, and runs commands."""

    def __init__(self, connection: Any, cat: Any) -> None:
        self._connection = connection
        self._cat = cat

    async def keystrokes(self) -> Times:
        """How long it takes until one is echoed."""
        took = []
        for _ in range(41):
            began = time.perf_counter()
            self._cat.stdin.write(b"x\n")
            await asyncio.wait_for(self._cat.stdout.readline(), _SECONDS)
            took.append(time.perf_counter() - began)
            await asyncio.sleep(0.005)
        return Times.of(took)

    async def commands(self) -> Times:
        """How long one takes."""
        took = []
        for _ in range(5):
            began = time.perf_counter()
            await asyncio.wait_for(self._connection.run("true"), _SECONDS)
            took.append(time.perf_counter() - began)
        return Times.of(took)


@asynccontextmanager
async def neighbour_of(server: Server) -> AsyncIterator[Neighbour]:
    async with server.connect() as connection:
        cat = await connection.create_process("cat", encoding=None)
        yield Neighbour(connection, cat)


@pytest.mark.parametrize("kind", ATTACKS)
async def test_a_neighbour_does_not_feel_it(kind: str, attacked: Server) -> None:
    number, factor = ATTACKS[kind]
    growth = Growth(attacked.pid)
    async with neighbour_of(attacked) as neighbour:
        await neighbour.keystrokes()
        # What a server is kept from by clients comes every time, what the machine does for itself does not.
        for _ in range(TRIES):
            # They share the processors with whoever attacks: so it is here, where nobody attacks the server.
            with attack(attacked, "idle", 1):
                quiet = await neighbour.keystrokes(), await neighbour.commands()
            with attack(attacked, kind, number):
                disturbed = await neighbour.keystrokes(), await neighbour.commands()
            if all(mine.within(factor, before) for mine, before in zip(disturbed, quiet, strict=True)):
                break
    assert disturbed[0].within(factor, quiet[0]), (quiet[0], disturbed[0])
    assert disturbed[1].within(factor, quiet[1]), (quiet[1], disturbed[1])
    assert growth.peak < 32 * MIB


@pytest.mark.parametrize(("kind", "number"), [("ignored_before_login", 50), ("tiny_packets", 2)])
def test_a_server_that_is_kept_busy_hears_sigterm(kind: str, number: int, serving: Serving) -> None:
    with serving({}, limits=_LIMITS, sections={"ssh": {"drainTime": "1s"}}) as server:
        process = start_attack(server, kind, number)
        try:
            # In twenty seconds, which is for the removal of its containers.
            server.stop()
        finally:
            end_attack(process)
