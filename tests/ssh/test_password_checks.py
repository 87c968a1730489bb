"""Whose password is checked next."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from sshore.ssh.password_checks import PasswordChecks

SECONDS = 10.0


class Line:
    """One thread that checks, and the order in which checks came to their turn."""

    def __init__(self) -> None:
        self.now = 0.0
        self.checks = PasswordChecks(1, lambda: self.now)
        self.order: list[str] = []
        self._go_on = threading.Event()
        self._tasks: list[asyncio.Task[bool]] = []

    def ask(self, name: str, source: str, user: str, *, correct: bool = True) -> asyncio.Task[bool]:
        def check() -> bool:
            assert self._go_on.wait(SECONDS)
            self.order.append(name)
            return correct

        self._tasks.append(asyncio.create_task(self.checks.run(source, user, check)))
        return self._tasks[-1]

    async def work_off(self) -> list[str]:
        """Let everything run; return the order in which it did."""
        await asyncio.sleep(0)
        self._go_on.set()
        await asyncio.wait_for(asyncio.gather(*self._tasks, return_exceptions=True), SECONDS)
        self._go_on.clear()
        order, self.order, self._tasks = self.order, [], []
        return order


@asynccontextmanager
async def line() -> AsyncIterator[Line]:
    made = Line()
    try:
        yield made
    finally:
        made.checks.close()


async def test_addresses_take_turns() -> None:
    async with line() as one:
        for number in range(10):
            one.ask(f"guess {number}", "attacker", f"user{number}", correct=False)
        one.ask("honest", "elsewhere", "alice")
        order = await one.work_off()
    # The first had begun.
    assert order.index("honest") <= 2


async def test_an_address_without_failures_goes_before_many_that_have_some() -> None:
    async with line() as one:
        bots = [f"bot {number}" for number in range(30)]
        for bot in bots:
            one.ask(bot, bot, "alice", correct=False)
        await one.work_off()
        for bot in bots:
            one.ask(bot, bot, "alice", correct=False)
        one.ask("honest", "elsewhere", "alice")
        assert (await one.work_off()).index("honest") <= 3


async def test_behind_one_address_a_name_that_has_not_failed_is_next() -> None:
    async with line() as one:
        for number in range(30):
            one.ask(f"guess {number}", "shared", f"user{number}", correct=False)
        await one.work_off()
        for number in range(30):
            one.ask(f"guess {number}", "shared", f"user{number}", correct=False)
        one.ask("honest", "shared", "alice")
        assert (await one.work_off()).index("honest") <= 2


@pytest.mark.parametrize("shared", [True, False])
async def test_who_has_logged_in_before_waits_for_no_first_guesses(shared: bool) -> None:
    async with line() as one:
        one.ask("yesterday", "home", "alice")
        await one.work_off()
        for number in range(30):
            one.ask(f"guess {number}", "home" if shared else f"bot {number}", f"user{number}", correct=False)
        one.ask("today", "home", "alice")
        assert (await one.work_off()).index("today") <= 1


async def test_who_has_failed_is_not_held_up_for_ever() -> None:
    async with line() as one:
        one.ask("mistyped", "his", "alice", correct=False)
        await one.work_off()
        for number in range(20):
            one.ask(f"earlier {number}", f"source {number}", "bob")
        one.ask("again", "his", "alice")
        for number in range(100):
            one.ask(f"later {number}", f"other source {number}", "bob")
        # Every fourth turn is anybody's, in the order of the turns.
        assert 20 <= (await one.work_off()).index("again") <= 25


async def test_failures_are_forgotten() -> None:
    async with line() as one:
        one.ask("mistyped", "his", "alice", correct=False)
        await one.work_off()
        one.now = 61.0
        one.ask("begun", "other", "bob")
        await asyncio.sleep(0)
        one.ask("again", "his", "alice")
        for number in range(10):
            one.ask(f"other {number}", f"source {number}", "bob")
        assert (await one.work_off())[:2] == ["begun", "again"]


async def test_what_nobody_waits_for_any_more_is_not_checked() -> None:
    async with line() as one:
        one.ask("begun", "attacker", "root", correct=False)
        await asyncio.sleep(0)
        gone = [one.ask(f"gone {number}", "attacker", "root") for number in range(20)]
        await asyncio.sleep(0)
        assert len(one.checks) == 20
        for task in gone:
            task.cancel()
        await asyncio.sleep(0)
        assert len(one.checks) == 0
        one.ask("stays", "attacker", "root")
        assert await one.work_off() == ["begun", "stays"]


async def test_a_check_that_raises_harms_no_other() -> None:
    async with line() as one:

        def broken() -> bool:
            raise LookupError("broken")

        failed = asyncio.create_task(one.checks.run("a", "alice", broken))
        one.ask("next", "b", "bob")
        assert await one.work_off() == ["next"]
        assert isinstance(failed.exception(), LookupError)
