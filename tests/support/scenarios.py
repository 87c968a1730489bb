"""Scenarios that bring the codes of the catalogue about: how one is told, and the table that they enter."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sshore.metrics.codes import Code
from sshore.metrics.counters import Metrics

from .front_desk import FrontDesk
from .gatehouse import Gatehouse
from .logbook import Logbook

COUNTERS = ("sshore_refusals_total", "sshore_backend_failures_total")


@dataclass(frozen=True)
class Outcome:
    """What the client, or the embedding program, was told, and what was logged and counted."""

    told: str
    book: Logbook
    metrics: Metrics

    @property
    def logged(self) -> set[str]:
        return {str(line["code"]) for line in self.book.lines if "code" in line}

    @property
    def counted(self) -> set[str]:
        """The codes with a counter; a crash is counted by the actor's role."""
        samples = [sample for metric in self.metrics.registry.collect() for sample in metric.samples if sample.value]
        crashed = any(sample.name == "sshore_actor_failures_total" for sample in samples)
        codes = {sample.labels["code"] for sample in samples if sample.name in COUNTERS}
        return codes | ({str(Code.INTERNAL_ERROR)} if crashed else set())


SCENARIOS: dict[Code, Callable[[Path], Awaitable[Outcome]]] = {}
"""Each is given an empty folder."""

InHouse = Callable[[Gatehouse], Awaitable[str]]
AtDesk = Callable[[FrontDesk], Awaitable[str]]


def in_house(code: Code, **config: Any) -> Callable[[InHouse], InHouse]:
    """Enter a scenario of a backend with this configuration."""

    def enter(play: InHouse) -> InHouse:
        async def outcome(folder: Path) -> Outcome:
            house = Gatehouse(folder / "state", **config)
            await house.backend.start()
            try:
                return Outcome(await play(house), house.book, house.metrics)
            finally:
                await house.close()

        _enter(code, outcome)
        return play

    return enter


def at_desk(code: Code, **limits: Any) -> Callable[[AtDesk], AtDesk]:
    """Enter a scenario of sshore's own listener with these limits."""

    def enter(play: AtDesk) -> AtDesk:
        async def outcome(folder: Path) -> Outcome:
            async with FrontDesk(folder, limits).open() as desk:
                return Outcome(await play(desk), desk.book, desk.metrics)

        _enter(code, outcome)
        return play

    return enter


def _enter(code: Code, outcome: Callable[[Path], Awaitable[Outcome]]) -> None:
    assert code not in SCENARIOS
    SCENARIOS[code] = outcome
