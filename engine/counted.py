"""Counts attempts and failures, and logs the failures."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping

from structlog.typing import FilteringBoundLogger

from ..metrics.interface import EngineCounters
from .errors import Conflict, EngineError, NotFound

_ANSWERS: Mapping[str, tuple[type[EngineError], ...]] = {
    "container_inspect": (NotFound,),
    "container_remove": (NotFound, Conflict),
    "exec_inspect": (NotFound,),
}
"""Errors that are the answer that was asked for, not failures."""


class Counted:
    """`with counted(operation):` around one attempt. Any thread."""

    def __init__(self, counters: EngineCounters, log: FilteringBoundLogger) -> None:
        self._counters = counters
        self._log = log

    @contextlib.contextmanager
    def __call__(self, operation: str) -> Iterator[None]:
        self._counters.requested(operation)
        try:
            yield
        except EngineError as error:
            if not isinstance(error, _ANSWERS.get(operation, ())):
                self._counters.failed(operation, error.code)
                self._log.warning("engine_call_failed", operation=operation, code=error.code, cause=error.detail)
            raise
