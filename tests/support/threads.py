"""Which threads are there."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection

_SECONDS = 10.0
_PAUSE = 0.005


def wait_for_none_but(known: Collection[threading.Thread]) -> None:
    """Wait until every thread that is not among the `known` has ended."""
    deadline = time.monotonic() + _SECONDS
    while others := [thread.name for thread in threading.enumerate() if thread not in known]:
        assert time.monotonic() < deadline, f"threads that are left: {others}"
        time.sleep(_PAUSE)
