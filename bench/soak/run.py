"""So many cycles, so many at a time, with a look at the server every second and in every pause."""

from __future__ import annotations

import asyncio
import math
import random
import statistics
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from .hand import Hand
from .server import Sample, Server
from .users import MisbehavedError, Users

_EVERY = 1.0
_QUIET_SECONDS = 60.0
_WARM_ROUNDS = 3
_LONGEST_STALL = 3.0
RSS_FROM = 500
"""After how many cycles memory is measured for the comparison with the end; after half of them in shorter runs."""


@dataclass(slots=True)
class Record:
    """What was seen. `warm`, `early` and `end` were taken while nobody was connected."""

    samples: list[Sample] = field(default_factory=list)
    acts: Counter[str] = field(default_factory=Counter)
    faults: list[tuple[float, float]] = field(default_factory=list)
    """From when to when (monotonic seconds) the way to the engine was stalled, or broke."""
    struck: int = 0
    """Users who got less than they asked for because of a fault while they were there."""
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
    faults_every: float = 0.0
    """The mean seconds between two faults of the way to the engine; 0 is never."""
    record: Record = field(default_factory=Record)
    _done: int = 0
    _one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def run(self, cycles: int, seconds: float | None) -> Record:
        """Do so many cycles, or as many as fit into the time. Behind every pause the server has to be at rest."""
        users = Users(self.server, random.Random(self.seed), Hand())
        watching = asyncio.ensure_future(self._watch(users))
        breaking = asyncio.ensure_future(self._break(random.Random(self.seed)))
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
            breaking.cancel()
            self.server.wire.stall(False)
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
        began = time.monotonic()
        try:
            self.record.acts[await users.act()] += 1
        except MisbehavedError as error:
            # Whoever was there may be failed by a fault; nobody may hang, and who comes later must not notice.
            if isinstance(error.__cause__, TimeoutError) or not self._struck_since(began):
                self.record.misbehaviour.append(f"cycle {self._done}: {error}")
            else:
                self.record.struck += 1
        self._done += 1

    def _struck_since(self, began: float) -> bool:
        return any(end >= began for _, end in self.record.faults)

    async def _break(self, dice: random.Random) -> None:
        while self.faults_every:
            await asyncio.sleep(dice.expovariate(1 / self.faults_every))
            began = time.monotonic()
            if dice.random() < 0.5:
                await asyncio.to_thread(self.server.wire.cut)
                self.record.faults.append((began, time.monotonic()))
            else:
                self.server.wire.stall(True)
                self.record.faults.append((began, math.inf))
                await asyncio.sleep(dice.random() * _LONGEST_STALL)
                self.server.wire.stall(False)
                self.record.faults[-1] = (began, time.monotonic())

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
