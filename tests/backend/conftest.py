"""A backend on the fake engine."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from support.gatehouse import Gatehouse

MODES = ("connection", "session")


@pytest.fixture
async def house(request: pytest.FixtureRequest, state_dir: Path) -> AsyncIterator[Gatehouse]:
    """A backend that runs; afterwards nothing may be left of it. A parameter is the mode."""
    made = Gatehouse(state_dir, mode=getattr(request, "param", "connection"))
    await made.backend.start()
    yield made
    await made.close()
    assert made.book.of("containers_left_to_the_janitor") == []
