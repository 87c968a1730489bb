"""What a program left running and still writes is waited for, as under sshd, or for as long as an operator allows."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from sshore.metrics.codes import Code
from sshore.metrics.counters import Metrics
from support.client import End
from support.logbook import Logbook
from support.piped_session import PipedSession

CUT = End(4, f"{Code.OUTPUT_CUT.user} (OUTPUT_CUT)")
Run = Callable[..., Awaitable[PipedSession]]


@pytest.fixture
def book() -> Logbook:
    return Logbook()


@pytest.fixture
async def run(tmp_path: Path, book: Logbook) -> AsyncIterator[Run]:
    """Runs a program to its own end; what it left behind runs on."""
    async with AsyncExitStack() as stack:

        async def start(script: str, linger_time: str = "0") -> PipedSession:
            session = PipedSession(tmp_path, Metrics(), book, linger_time)
            await session.run(script)
            stack.callback(session.close)
            await session.end()
            return session

        yield start


async def test_a_child_that_holds_the_output_is_waited_for(run: Run, tmp_path: Path) -> None:
    go = tmp_path / "go"
    late = await run(f"(while ! [ -e {go} ]; do sleep 0.02; done; echo late) & echo now; exit 4")
    await late.client.until_stdout(b"now\n")
    assert late.client.ends == []
    go.touch()
    assert await late.client.until_end() == End(4)
    assert bytes(late.client.stdout) == b"now\nlate\n"


@pytest.mark.parametrize("fd", [1, 2])
async def test_it_holds_either_of_them(run: Run, fd: int) -> None:
    late = await run(f"(sleep 0.2; echo late >&{fd}) {3 - fd}>/dev/null & exit 4")
    assert await late.client.until_end() == End(4)
    assert (bytes(late.client.stdout), bytes(late.client.stderr)) == ((b"late\n", b"") if fd == 1 else (b"", b"late\n"))


async def test_one_that_holds_neither_is_not_waited_for(run: Run) -> None:
    late = await run("sleep 100 >/dev/null 2>&1 & echo now; exit 4")
    assert await late.client.until_end() == End(4)


async def test_an_operators_time_cuts_it_with_a_word(run: Run, book: Logbook) -> None:
    late = await run("(echo late; exec sleep 100) & echo now; exit 4", "200ms")
    assert await late.client.until_end() == CUT
    assert sorted(bytes(late.client.stdout).splitlines()) == [b"late", b"now"]
    [line] = book.of("output_cut")
    assert (line["code"], line["cause"]) == ("OUTPUT_CUT", "docker.execution.lingerTime is 200ms")


async def test_who_writes_without_end_is_cut_as_well(run: Run) -> None:
    late = await run("yes & exit 4", "200ms")
    assert await late.client.until_end() == CUT


async def test_nothing_is_said_of_a_child_that_ends_in_time(run: Run, book: Logbook) -> None:
    late = await run("(sleep 0.2; echo late) & exit 4", "9s")
    assert await late.client.until_end() == End(4)
    assert bytes(late.client.stdout) == b"late\n"
    assert book.of("output_cut") == []
