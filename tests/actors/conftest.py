"""A stage for every actor."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.pond import Pond
from support.stage import Stage


@pytest.fixture
def stage() -> Iterator[Stage]:
    """The fake engine and remembering neighbours; afterwards no thread may be left."""
    made = Stage()
    yield made
    made.close()


@pytest.fixture
def pond(stage: Stage) -> Iterator[Pond]:
    """A pool of one, whose container waits."""
    made = Pond(stage, 1)
    made.until_filled(1)
    yield made
    made.close()
