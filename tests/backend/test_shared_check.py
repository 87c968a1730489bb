"""Whether the engine answers is asked once for all who want to know."""

from __future__ import annotations

import asyncio
import threading

import pytest
from sshore.backend.shared_check import SharedCheck
from sshore.engine.errors import Unavailable

SECONDS = 10.0


async def test_who_asks_while_it_is_asked_gets_the_same_answer() -> None:
    asked, answer = [], threading.Event()

    def ping() -> None:
        asked.append(True)
        assert answer.wait(SECONDS)

    check = SharedCheck(ping)
    asking = [asyncio.create_task(check.ask()) for _ in range(50)]
    await asyncio.sleep(0)
    impatient = asking.pop()
    impatient.cancel()
    answer.set()
    assert await asyncio.wait_for(asyncio.gather(*asking), SECONDS) == [None] * 49
    assert len(asked) == 1
    assert await check.ask() is None
    assert len(asked) == 2
    check.close()


async def test_it_says_why_and_asks_again() -> None:
    outcomes: list[Exception | None] = [Unavailable("ping", "no such socket"), LookupError("bug"), None]

    def ping() -> None:
        outcome = outcomes.pop(0)
        if outcome:
            raise outcome

    check = SharedCheck(ping)
    assert "no such socket" in str(await check.ask())
    with pytest.raises(LookupError):
        await check.ask()
    assert await check.ask() is None
    check.close()
