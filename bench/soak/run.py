"""So many cycles, so many at a time, with a look at the server every second and in every pause."""

from __future__ import annotations

import asyncio
import random
import statistics
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from bench.raw_engine import RawEngine
from bench.rig import engine_socket

from .server import Sample, Server
from .users import MisbehavedError, Users

_EVERY = 1.0
_QUIET_SECONDS = 60.0
_WARM_ROUNDS = 3
RSS_FROM = 500
"""After how many cycles memory is measured for the comparison with the end; after half of them in shorter runs."""


@dataclass(slots=True)
class Record:
    """What was seen. `warm`, `early` and `end` were taken while nobody was connected."""

    samples: list[Sample] = field(default_factory=list)
    acts: Counter[str] = field(default_factory=Counter)
    misbehaviour: list[str] = field(default_factory=list)
    warm: Sample | None = None
    early: Sample | None = None
    end: Sample | None = None


@dataclass(slots=True)
class Soak:
    """One run against one server."""

    server: Server
    seed: int
    at_once: int
    tell: Callable[[Sample], None]
    record: Record = field(default_factory=Record)
    _done: int = 0
    _one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def run(self, cycles: int, seconds: float | None) -> Record:
        """Do so many cycles, or as many as fit into the time. Behind every pause the server has to be at rest."""
        users = Users(self.server, random.Random(self.seed), self._kill_container)
        watching = asyncio.ensure_future(self._watch(users))
        until = time.monotonic() + seconds if seconds else None
        warm = min(_WARM_ROUNDS * self.at_once, cycles // 2)
        try:
            await self._cycles(users, warm, until)
            self.record.warm = await self._rest()
            await self._cycles(users, min(RSS_FROM, cycles // 2) - warm, until)
            self.record.early = await self._rest()
            await self._cycles(users, cycles - self._done, until)
            self.record.end = await self._rest()
        finally:
            watching.cancel()
        return self.record

    async def _cycles(self, users: Users, number: int, until: float | None) -> None:
        left = iter(range(number))

        async def one_after_another() -> None:
            for _ in left:
                if until and time.monotonic() > until:
                    return
                await self._cycle(users)

        await asyncio.gather(*(one_after_another() for _ in range(self.at_once)))

    async def _cycle(self, users: Users) -> None:
        try:
            self.record.acts[await users.act()] += 1
        except MisbehavedError as error:
            self.record.misbehaviour.append(f"cycle {self._done}: {error}")
        self._done += 1

    async def _watch(self, users: Users) -> None:
        while True:
            await asyncio.sleep(_EVERY)
            latencies, users.latencies = users.latencies, []
            latency = statistics.median(latencies) if latencies else None
            self._note(await self._look(latency))

    async def _rest(self) -> Sample:
        """Wait until nobody is connected and no container is left, then look; look anyway if that does not come."""
        deadline = time.monotonic() + _QUIET_SECONDS
        while True:
            sample = await self._look(None)
            if not sample.containers and not sample.connections:
                break
            if time.monotonic() > deadline:
                self.record.misbehaviour.append(f"not at rest within {_QUIET_SECONDS:g} s: {sample}")
                break
            await asyncio.sleep(0.1)
        # What the last disconnect still has to let go of: timers of two seconds, threads that end.
        await asyncio.sleep(3 * _EVERY)
        sample = await self._look(None)
        self._note(sample)
        return sample

    async def _look(self, latency: float | None) -> Sample:
        async with self._one_at_a_time:
            return await asyncio.to_thread(self.server.sample, self._done, latency)

    def _note(self, sample: Sample) -> None:
        self.record.samples.append(sample)
        self.tell(sample)

    async def _kill_container(self, name: str) -> None:
        await asyncio.to_thread(partial(_remove, name))


def _remove(container: str) -> None:
    engine = RawEngine(engine_socket())
    try:
        engine.remove(container)
    finally:
        engine.close()
