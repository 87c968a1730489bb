"""Many logins at the same moment: when all are done, and how long the last one waits."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from statistics import median

from .raw_engine import RawEngine
from .rig import Rig, Server
from .series import Chapter, Claim, Floor, Series, in_turns

PART = "many"
_RAW = "raw engine: create, attach, start, exec"
_SECONDS = 120


@dataclass(frozen=True, slots=True)
class _Rush:
    """What came of so many at once: seconds until the last was done, and what each waited."""

    all_done: float
    waits: list[float]
    failures: int

    @property
    def unfairness(self) -> float:
        return max(self.waits) / median(self.waits) if self.waits else float("inf")


def many_chapters(rig: Rig, sizes: Sequence[int], rounds: int) -> list[Chapter]:
    """Compare rushes of each size; the last size is the one that the goal is about, the others get half the rounds."""
    *smaller, largest = sizes
    half = (rounds + 1) // 2
    return [*(_chapter(rig, size, half, False) for size in smaller), _chapter(rig, largest, rounds, True)]


def _chapter(rig: Rig, size: int, rounds: int, aimed_at: bool) -> Chapter:
    servers = [*rig.without_containers, *rig.sshore]
    subjects: dict[str, Callable[[], _Rush]] = {_RAW: partial(_raw_rush, rig, size)}
    subjects |= {server.name: partial(_rush, rig, server, size) for server in servers}
    rushes: dict[str, list[_Rush]] = {name: [] for name in subjects}
    for name, rush in in_turns(subjects, rounds=rounds, warmup=0):
        rushes[name].append(rush)
    series = {name: Series(name, "s", [rush.all_done for rush in those]) for name, those in rushes.items()}
    floor = Floor("raw engine + bare asyncssh", series[_RAW].median + series[rig.quick.name].median)
    claims = []
    for server in rig.sshore:
        those = rushes[server.name]
        aims = [("≤ 1.15", "", 6), ("≤ 2", "", 6), ("≤ 0", "", 6)] if aimed_at else [(), (), ()]
        claims += [
            Claim(f"{server.name} / ({floor.name})", series[server.name].median / floor.value, *aims[0]),
            Claim(f"{server.name}: longest wait / median wait", max(rush.unfairness for rush in those), *aims[1]),
            Claim(f"{server.name}: failures", sum(rush.failures for rush in those), *aims[2]),
        ]
    floors = {server.name: floor for server in rig.sshore}
    title = f"Logins at once, {size}: seconds until all are done"
    return Chapter(title, list(series.values()), claims, PART, str(size), floors)


def _rush(rig: Rig, server: Server, size: int) -> _Rush:
    def login() -> None:
        server.client.fresh("echo hi", stdin=subprocess.DEVNULL, says=b"hi\n")

    rush = _at_once([login] * size)
    rig.settle(server)
    return rush


def _raw_rush(rig: Rig, size: int) -> _Rush:
    engines = [rig.engine.another() for _ in range(size)]
    holding = threading.Barrier(size, timeout=_SECONDS)

    def login(engine: RawEngine) -> None:
        with rig.raw_container(engine) as container:
            stream, said = engine.exec(container, ["/bin/sh", "-c", "echo hi"])
            with stream:
                if not (said or stream.recv(4096)):
                    raise RuntimeError("the raw program said nothing")
            ended.append(time.perf_counter())
            # A removal meanwhile would slow the others down.
            holding.wait()

    ended: list[float] = []
    began = time.perf_counter()
    with ThreadPoolExecutor(size) as pool:
        list(pool.map(login, engines))
    for engine in engines:
        engine.close()
    waits = [moment - began for moment in ended]
    return _Rush(max(waits), waits, 0)


def _at_once(logins: list[Callable[[], None]]) -> _Rush:
    waits: list[float] = []
    failures: list[Exception] = []
    began = time.perf_counter()

    def timed(login: Callable[[], None]) -> None:
        try:
            login()
        except RuntimeError as error:
            failures.append(error)
        else:
            waits.append(time.perf_counter() - began)

    with ThreadPoolExecutor(len(logins)) as pool:
        list(pool.map(timed, logins))
    return _Rush(time.perf_counter() - began, waits, len(failures))
