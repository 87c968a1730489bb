"""Reading files without a promise that it ever ends."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

T = TypeVar("T")


async def in_own_thread(call: Callable[[], T]) -> T:
    """Return `call()`, or raise what it raised, from a thread that keeps nobody: not the loop, not the process's end.

    The loop's own threads are waited for when it closes, and a file on a network that is gone may block for good.
    """
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[T] = loop.create_future()

    def work() -> None:
        try:
            result = call()
        except BaseException as error:
            _tell(loop, outcome, outcome.set_exception, error)
        else:
            _tell(loop, outcome, outcome.set_result, result)

    threading.Thread(target=work, name="sshore-reader", daemon=True).start()
    return await outcome


def _tell(
    loop: asyncio.AbstractEventLoop, outcome: asyncio.Future[T], tell: Callable[..., None], value: object
) -> None:
    def now() -> None:
        if not outcome.done():
            tell(value)

    # Closed meanwhile: nobody waits any more.
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(now)
