"""A variable that cannot be given to a program: a sentence for the user, a code for the operator."""

from __future__ import annotations

from pathlib import Path

import pytest
from sshore.engine.fake.engine import FakeEngine
from structlog.testing import capture_logs
from support.open_door import logged_in


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [("A=B", "x", "ENV_INVALID"), ("A", "x\0y", "ENV_INVALID"), ("A", "x" * 131_070, "ENV_TOO_LARGE")],
    ids=["= in the name", "NUL", "too large"],
)
async def test_a_variable_that_cannot_be_is_refused_and_logged(
    name: str, value: str, code: str, state_dir: Path
) -> None:
    with capture_logs() as log:
        async with logged_in("docker: {}", state_dir, engine=FakeEngine()) as connection:
            done = await connection.run("true", env={name: value})
    assert (done.exit_status, done.stdout) == (255, "")
    assert str(done.stderr).startswith("sshore: ")
    assert str(done.stderr).endswith(f"({code})\n")
    refused = next(line for line in log if line["event"] == "session_refused")
    assert (refused["code"], refused["user"]) == (code, "alice")
