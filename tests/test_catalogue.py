"""Every code of the catalogue comes about: each has a scenario, and a new code without one fails."""

from __future__ import annotations

from pathlib import Path

import pytest
from sshore.metrics.codes import Code
from support import scenarios_of_limits, scenarios_of_sessions
from support.scenarios import SCENARIOS

TABLES = (scenarios_of_sessions, scenarios_of_limits)
"""Whose import enters their scenarios."""


@pytest.mark.parametrize("code", Code)
async def test_a_scenario_produces_the_code(code: Code, tmp_path: Path) -> None:
    outcome = await SCENARIOS[code](tmp_path)
    assert code in outcome.logged
    assert code in outcome.counted
    assert (f"{code.user} ({code})" in outcome.told) is bool(code.user)


def test_a_client_is_told_nothing_of_the_inside() -> None:
    inside = ("docker", "engine", "actor", "exec", "/", "`", "socket")
    assert {code: word for code in Code for word in inside if word in code.user.lower()} == {}
