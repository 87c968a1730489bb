"""One run of `python -m bench` at its smallest against the real engine: every part gives sane figures."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
SECONDS = 240
FLOORS = {
    "cold": ("raw engine", "bare asyncssh", "sshd"),
    "pty": ("raw engine", "bare asyncssh", "sshd"),
    "open": ("raw engine", "bare asyncssh", "sshd"),
    "row": ("raw engine", "bare asyncssh", "sshd"),
    "files": ("sshd",),
    "bytes": ("engine's stream", "named pipes", "bare asyncssh", "sshd"),
    "keys": ("raw engine", "bare asyncssh", "sshd"),
    "many": ("raw engine", "bare asyncssh", "sshd"),
    "pipes": ("with no sessions",),
    "cpu": ("bare asyncssh", "sshd"),
    "memory": ("bare asyncssh", "sshd"),
}
ROUGH = ("cpu", "memory")
"""What is counted in clock ticks and pages may be nothing, of so little."""

pytestmark = [pytest.mark.engine, pytest.mark.timeout(SECONDS)]


@pytest.fixture(scope="module")
def run(mini_image: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a run said, its tables as markdown, and its chapters."""
    folder = tmp_path_factory.mktemp("bench")
    command = [sys.executable, "-m", "bench", "--smallest", "--image", mini_image]
    command += ["--json", str(folder / "figures"), "--markdown", str(folder / "tables")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    chapters = json.loads((folder / "figures").read_text())
    return {"said": done.stdout, "tables": (folder / "tables").read_text(), "chapters": chapters}


@pytest.mark.parametrize("part", FLOORS)
def test_a_part_measures_sshore_and_its_floors(run: dict[str, Any], part: str) -> None:
    chapters = _of(run, part)
    names = [one["name"] for chapter in chapters for one in chapter["series"]]
    for subject in ("sshore, plain", *FLOORS[part]):
        assert any(name.startswith(subject) for name in names), (subject, names)


@pytest.mark.parametrize("part", FLOORS)
def test_a_part_gives_sane_figures(run: dict[str, Any], part: str) -> None:
    for one in (one for chapter in _of(run, part) for one in chapter["series"]):
        assert one["values"], one["name"]
        for value in one["values"]:
            assert math.isfinite(value), one
            assert part in ROUGH or value > 0, one


def test_a_first_byte_comes_before_the_end(run: dict[str, Any]) -> None:
    chapters = {chapter["title"]: chapter for chapter in _of(run, "cold")}
    for how in ("stdin stays open", "stdin at its end"):
        first = chapters[f"Login: `ssh host 'echo hi'` from nothing to the first byte, {how}"]
        end = chapters[f"Login: `ssh host 'echo hi'` from nothing to the client's exit, {how}"]
        for before, after in zip(first["series"], end["series"], strict=True):
            assert before["name"] == after["name"]
            assert all(a <= b for a, b in zip(before["values"], after["values"], strict=True)), before["name"]


def test_nobody_fails_who_comes_with_others(run: dict[str, Any]) -> None:
    failures = [claim for chapter in _of(run, "many") for claim in chapter["claims"] if "failures" in claim["name"]]
    assert [claim["value"] for claim in failures] == [0] * len(failures) != []


def test_every_goal_is_answered_or_said_to_be_left_out(run: dict[str, Any]) -> None:
    answered = {claim["goal"] for chapter in run["chapters"] for claim in chapter["claims"]}
    assert {2, 3, 4, 5, 6, 7, 8} <= answered
    for tables in (run["said"], run["tables"]):
        assert "Goals" in tables
    left_out = [line for line in run["tables"].splitlines() if "not measured" in line]
    assert len(left_out) == (0 if 1 in answered else 1)


def _of(run: dict[str, Any], part: str) -> list[dict[str, Any]]:
    chapters = [chapter for chapter in run["chapters"] if chapter["part"] == part]
    assert chapters
    return chapters
