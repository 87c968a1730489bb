"""What is slow elsewhere holds up no login: the engine, and whatever has the loop's own threads."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from sshore.engine.fake.engine import FakeEngine
from support.client import eventually
from support.front_desk import PASSWORD, FrontDesk

ASKING = 60
"""More than the loop has threads of its own."""
SECONDS = 10.0


async def log_in_both_ways(desk: FrontDesk) -> None:
    async with asyncio.timeout(SECONDS), desk.login(), desk.login(client_keys=None, password=PASSWORD):
        pass


async def test_an_engine_that_does_not_say_whether_it_is_well(tmp_path: Path) -> None:
    engine = FakeEngine()
    async with FrontDesk(tmp_path, {}).open(engine) as desk:
        let_go = engine.faults.hang("ping")
        asking = [asyncio.create_task(desk.backend.is_ready()) for _ in range(ASKING)]
        await eventually(lambda: engine.faults.calls("ping") == 1, lambda: "nobody asks")
        await log_in_both_ways(desk)
        assert not any(task.done() for task in asking)
        let_go()
        assert await asyncio.gather(*asking) == [None] * ASKING
        assert engine.faults.calls("ping") == 1


async def test_the_loops_own_threads_are_all_taken(tmp_path: Path) -> None:
    """asyncssh, for one, would make its options anew in them, for each user."""
    async with FrontDesk(tmp_path, {}).open() as desk:
        free, loop = threading.Event(), asyncio.get_running_loop()
        loop.set_default_executor(ThreadPoolExecutor(1))
        taken = loop.run_in_executor(None, free.wait)
        try:
            # Not asyncssh's client: it has the same loop.
            status, said = await desk.openssh("127.0.0.1", "echo in")
            assert (status, said.splitlines()[-1:]) == (0, ["in"])
            assert await asyncio.wait_for(desk.backend.is_ready(), SECONDS) is None
            assert not taken.done()
        finally:
            free.set()
        await taken
