"""SSHORE_TESTS_POOL=SIZE: servers of connection mode have a pool unless their test says otherwise."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

SIZE = int(os.environ.get("SSHORE_TESTS_POOL", "0"))
COLD: Mapping[str, Any] = {"pool": {"size": 0}}
"""Of a section `docker.execution` whose test is about a container that is made for its user."""


def with_pool(execution: Mapping[str, Any]) -> dict[str, Any]:
    """Return a section `docker.execution` with the pool that the environment asks for."""
    if not SIZE or execution.get("mode", "connection") != "connection":
        return dict(execution)
    return {"pool": {"size": SIZE}, **execution}
