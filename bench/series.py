"""Figures: measured in turns, told as median, 95th percentile and ratio."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

Subject = Callable[[], float]
"""Measures once and returns the figure."""


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
        ordered = sorted(self.values, reverse=self.unit == "MB/s")
        return ordered[min(len(ordered) - 1, round(0.95 * (len(ordered) - 1)))]


@dataclass(frozen=True, slots=True)
class Claim:
    """A figure derived from medians, and what it should be: `aim` reads like "≤ 1.15"."""

    name: str
    value: float
    aim: str = ""
    unit: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the aim is reached; None without one."""
        if not self.aim:
            return None
        sign, bound = self.aim.split()[:2]
        return self.value <= float(bound) if sign == "≤" else self.value >= float(bound)


@dataclass(frozen=True, slots=True)
class Chapter:
    """One comparison: its series and what follows from them."""

    title: str
    series: list[Series]
    claims: list[Claim]


def measure(subjects: Mapping[str, Subject], *, unit: str, rounds: int, warmup: int = 1) -> dict[str, Series]:
    """Run all subjects in turns, A B C A B C …, so that a slow moment of the machine meets all of them alike.

    The first `warmup` rounds do not count. Every other round goes backwards: nobody always follows the same one.
    """
    series = {name: Series(name, unit) for name in subjects}
    for turn in range(-warmup, rounds):
        for name in subjects if turn % 2 else reversed(list(subjects)):
            value = subjects[name]()
            if turn >= 0:
                series[name].values.append(value)
    return series
