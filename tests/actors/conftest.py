"""A stage for every actor."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.stage import Stage


@pytest.fixture
def stage() -> Iterator[Stage]:
    """The fake engine and remembering neighbours; afterwards no thread may be left."""
    made = Stage()
    yield made
    made.close()
