"""Figures: measured in turns, told as median, percentiles and ratio to their floor."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

Figure = TypeVar("Figure")

Subject = Callable[[], float]
"""Measures once and returns the figure."""


class Timing(NamedTuple):
    """Milliseconds of one command: until its first byte, and until its client's exit."""

    first: float
    end: float


@dataclass(slots=True)
class Series:
    """One subject's figures, in `unit`."""

    name: str
    unit: str
    values: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def p95(self) -> float:
        """The worse end: the 95th percentile of durations, the 5th of rates."""
        return self.percentile(95)

    @property
    def p99(self) -> float:
        return self.percentile(99)

    def percentile(self, percent: float) -> float:
        """Return the figure that so many per cent do not exceed; of rates, that so many reach."""
        ordered = sorted(self.values, reverse=self.unit == "MB/s")
        return ordered[min(len(ordered) - 1, round(percent / 100 * (len(ordered) - 1)))]


@dataclass(frozen=True, slots=True)
class Claim:
    """A figure derived from the series, and what it should be: `aim` reads like "≤ 1.15".

    `goal` is the number of the goal (`goals.py`) that it answers; 0 where it answers none.
    """

    name: str
    value: float
    aim: str = ""
    unit: str = ""
    goal: int = 0

    @property
    def met(self) -> bool | None:
        """Whether the aim is reached; None without one."""
        if not self.aim:
            return None
        sign, bound = self.aim.split()[:2]
        return self.value <= float(bound) if sign == "≤" else self.value >= float(bound)


@dataclass(frozen=True, slots=True)
class Floor:
    """What the medians of a chapter are told as ratios of."""

    name: str
    value: float


@dataclass(frozen=True, slots=True)
class Chapter:
    """One comparison: its series and what follows from them. `part` is what `--only` calls it.

    `floors` has the floor of each series by its name, "" that of all others. `label` is what a picture calls it.
    """

    title: str
    series: list[Series]
    claims: list[Claim]
    part: str = ""
    label: str = ""
    floors: Mapping[str, Floor] = field(default_factory=dict)

    def floor_of(self, name: str) -> Floor | None:
        """Return the floor of a series."""
        return self.floors.get(name) or self.floors.get("")


def ratio(value: float, floor: float) -> float:
    """Return how often the floor fits into the value; infinity when a rough clock saw no floor at all."""
    return value / floor if floor else float("inf")


def in_turns(
    subjects: Mapping[str, Callable[[], Figure]], *, rounds: int, warmup: int = 1
) -> Iterator[tuple[str, Figure]]:
    """Run all subjects in turns, A B C C B A …; yield the figures with their subjects' names.

    So a slow moment of the machine meets all of them alike, and nobody always follows the same one. The first `warmup`
    rounds do not count; there are always more that do.
    """
    for turn in range(-min(warmup, rounds - 1), rounds):
        for name in subjects if turn % 2 else reversed(list(subjects)):
            figure = subjects[name]()
            if turn >= 0:
                yield name, figure


def measure(subjects: Mapping[str, Subject], *, unit: str, rounds: int, warmup: int = 1) -> dict[str, Series]:
    """Run all subjects in turns; return the series by the subjects' names."""
    series = {name: Series(name, unit) for name in subjects}
    for name, figure in in_turns(subjects, rounds=rounds, warmup=warmup):
        series[name].values.append(figure)
    return series


def measure_both(
    subjects: Mapping[str, Callable[[], tuple[float, float]]], *, unit: str, rounds: int, warmup: int = 1
) -> tuple[dict[str, Series], dict[str, Series]]:
    """Run subjects that have two figures each; return the series of the first ones, and of the second ones."""
    first, second = ({name: Series(name, unit) for name in subjects} for _ in range(2))
    for name, figures in in_turns(subjects, rounds=rounds, warmup=warmup):
        first[name].values.append(figures[0])
        second[name].values.append(figures[1])
    return first, second
