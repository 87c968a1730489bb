"""Coroutines whose time is measured: asyncssh handles some packets in tasks of their own."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from .work_time import work_time

_T = TypeVar("_T")


class Charged(Coroutine[Any, Any, _T]):
    """A coroutine that tells the seconds of each of its steps. Any loop."""

    def __init__(self, coroutine: Coroutine[Any, Any, _T], charge: Callable[[float], None]) -> None:
        self._coroutine = coroutine
        self._charge = charge

    @classmethod
    def of(cls, awaitable: Awaitable[_T], charge: Callable[[float], None]) -> Awaitable[_T]:
        """Return the same with its time told to `charge`; what is no coroutine takes no time of its own."""
        return cls(awaitable, charge) if inspect.iscoroutine(awaitable) else awaitable

    def send(self, value: Any) -> Any:
        began = work_time()
        try:
            return self._coroutine.send(value)
        finally:
            self._charge(work_time() - began)

    def throw(self, *raised: Any) -> Any:
        return self._coroutine.throw(*raised)

    def close(self) -> None:
        self._coroutine.close()

    def __await__(self) -> Any:
        return self._coroutine.__await__()
