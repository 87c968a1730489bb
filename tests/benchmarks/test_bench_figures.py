"""How figures become medians, percentiles and verdicts, and which configurations are compared."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from sshore.config.models import ExecutionConfig

ROOT = Path(__file__).parents[2]


@pytest.fixture
def series(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(ROOT)
    return importlib.import_module("bench.series")


@pytest.fixture
def flavours(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(ROOT)
    return importlib.import_module("bench.flavours")


def test_subjects_take_turns_and_every_other_round_goes_backwards(series: ModuleType) -> None:
    order: list[str] = []
    subjects = {name: lambda name=name: order.append(name) or 1.0 for name in "abc"}
    measured = series.measure(subjects, unit="ms", rounds=3, warmup=1)
    assert "".join(order) in ("abccbaabccba", "cbaabccbaabc")
    assert {name: one.values for name, one in measured.items()} == {name: [1.0] * 3 for name in "abc"}


def test_a_percentile_is_of_the_worse_end(series: ModuleType) -> None:
    values = [float(value) for value in range(101)]
    durations, rates = series.Series("", "ms", values), series.Series("", "MB/s", values)
    assert (durations.median, durations.p95, durations.p99) == (50, 95, 99)
    assert (rates.median, rates.p95, rates.p99) == (50, 5, 1)


@pytest.mark.parametrize(
    ("aim", "met"), [("≤ 8 ms", True), ("≤ 7.9", False), ("≥ 8", True), ("≥ 8.1", False), ("", None)]
)
def test_a_claim_is_held_against_its_aim(series: ModuleType, aim: str, met: bool | None) -> None:
    assert series.Claim("", 8.0, aim).met is met


def test_only_configurations_that_are_known_are_compared(flavours: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    class Unknown(flavours.Flavour):  # type: ignore[misc, name-defined]  # of a module that only the test has
        spare = False

        @property
        def settings(self) -> list[tuple[str, Any, bool]]:
            return [*super().settings, ("yetToCome", True, self.spare)]

    class Unneeded(Unknown):
        spare = True

    with pytest.raises(ValueError, match="not permitted"):
        ExecutionConfig.model_validate({"yetToCome": True})
    known, unneeded = flavours.FLAVOURS, Unneeded("unneeded")
    monkeypatch.setattr(flavours, "FLAVOURS", (*known, Unknown("unknown"), unneeded))
    possible = flavours.possible_flavours()
    assert possible == [*known, unneeded]
    assert possible[0].name == "plain"
    for flavour in possible:
        ExecutionConfig.model_validate(flavour.execution)
