"""When the service manager's watchdog is fed, and when it is not."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from sshore.actors.messages import Ping
from sshore.actors.ref import post
from sshore.backend.backend import Backend
from sshore.config.models import DockerConfig
from sshore.engine.fake.engine import FakeEngine
from sshore.ssh.notify import Notifier
from sshore.ssh.watchdog import Pulse, supervise, taken_interval
from support.client import eventually
from support.service_manager import Manager, manager

INTERVAL = 0.2


@asynccontextmanager
async def fed_by(*pulses: Pulse) -> AsyncIterator[Callable[[], int]]:
    """Watch these; gives how often the watchdog was fed by now."""
    with manager() as told:
        notifier = Notifier(told.environment["NOTIFY_SOCKET"])
        task = asyncio.create_task(supervise(notifier, INTERVAL, pulses, lambda: "at it"))
        try:
            yield lambda: _heard(told).count("WATCHDOG=1")
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            notifier.close()


def _heard(told: Manager) -> list[str]:
    told.hear_out(0.001)
    return told.said


async def until_hungry(fed: Callable[[], int]) -> None:
    """Wait until it was not fed for so long that a manager would end the process."""
    last, since = fed(), asyncio.get_running_loop().time()

    def hungry() -> bool:
        nonlocal last, since
        if fed() != last:
            last, since = fed(), asyncio.get_running_loop().time()
        return asyncio.get_running_loop().time() - since > INTERVAL

    await eventually(hungry, "the end of the food")


async def never() -> None:
    await asyncio.Event().wait()


async def broken() -> None:
    raise OSError("the engine is away")


async def test_checks_that_return_feed_it_whatever_they_find() -> None:
    async with fed_by(Pulse("fine", _fine, half), Pulse("engine", broken, half)) as fed:
        await eventually(lambda: fed() > 5)


async def _fine() -> None:
    return None


def half() -> float:
    return INTERVAL / 2


@pytest.mark.parametrize("order", [0, 1])
async def test_one_check_that_does_not_return_starves_it(order: int) -> None:
    checks: list[Callable[[], Awaitable[object]]] = [_fine, never]
    async with fed_by(*(Pulse("check", check, half) for check in checks[:: 1 - 2 * order])) as fed:
        await until_hungry(fed)


async def test_a_check_has_its_own_time() -> None:
    async with fed_by(Pulse("slow", lambda: asyncio.sleep(3 * INTERVAL), lambda: 30.0)) as fed:
        await eventually(lambda: fed() > 8)


async def test_a_root_actor_that_is_stuck_starves_it_until_it_goes_on(tmp_path: Path) -> None:
    stuck = threading.Event()
    async with (
        Backend(DockerConfig(), tmp_path, engine=FakeEngine()) as backend,
        fed_by(Pulse("root", backend.root_answers, half)) as fed,
    ):
        await eventually(lambda: fed() > 2)
        assert backend._house is not None
        assert post(backend._house.root, Ping(stuck.wait))
        try:
            await until_hungry(fed)
        finally:
            stuck.set()
        before = fed()
        await eventually(lambda: fed() > before + 2)


async def test_behind_the_end_of_a_backend_there_is_nobody_to_answer(tmp_path: Path) -> None:
    async with Backend(DockerConfig(), tmp_path, engine=FakeEngine()) as backend:
        await backend.root_answers()
    await backend.root_answers()


@pytest.mark.parametrize(
    ("told", "interval"),
    [
        ({}, 0.0),
        ({"WATCHDOG_USEC": "30000000"}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, 0.0),
        ({"WATCHDOG_USEC": "soon"}, 0.0),
    ],
)
def test_the_interval_is_the_managers(told: dict[str, str], interval: float) -> None:
    assert taken_interval(told) == interval
    assert told == {}


def test_a_manager_that_is_gone_is_no_reason_to_fail(tmp_path: Path) -> None:
    notifier = Notifier(str(tmp_path / "nobody"))
    notifier.ready()
    notifier.close()
    notifier.stopping()
