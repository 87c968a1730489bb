"""Many users at once, most of whom leave well: afterwards the server holds what it held before."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SECONDS = 240


@pytest.mark.engine
@pytest.mark.timeout(SECONDS + 30)
def test_two_hundred_cycles_leave_nothing_behind(mini_image: str, tmp_path: Path) -> None:
    picture = tmp_path / "soak.svg"
    command = [sys.executable, "-m", "bench.soak", "--cycles", "200", "--image", mini_image, "--picture", str(picture)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "command" in done.stdout
    assert picture.read_text().startswith("<?xml")
