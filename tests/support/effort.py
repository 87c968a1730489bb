"""How hard hypothesis tries: the same few seconds for everybody, or as much as SSHORE_FUZZ says."""

from __future__ import annotations

import os
from typing import Any

import hypothesis
import pytest

EFFORT = int(os.environ.get("SSHORE_FUZZ", "1"))
"""How many times as many examples as usual; from 2 on they are other ones in every run."""

_SECONDS = 60

in_time = pytest.mark.timeout(_SECONDS * EFFORT)
"""Marks a module whose tests take that much longer."""


def tries(examples: int, **more: Any) -> hypothesis.settings:
    """Return settings for so many examples, always the same ones unless SSHORE_FUZZ asks for more.

    No database: what was found once belongs into the test, as an explicit example or a file of the corpus. With
    SSHORE_FUZZ a failure comes with the line (`@reproduce_failure`) that repeats it.
    """
    return hypothesis.settings(
        max_examples=examples * EFFORT,
        derandomize=EFFORT == 1,
        database=None,
        deadline=None,
        print_blob=True,
        suppress_health_check=list(hypothesis.HealthCheck),
        **more,
    )
