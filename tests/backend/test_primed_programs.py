"""Shells that wait, through the whole backend, on the fake engine."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sshore.actors.messages import RunExec
from sshore.backend.connection import ConnectionHandler
from sshore.engine.fake.containers import FakeExec
from sshore.engine.fake.streams import FakeStream
from sshore.engine.primed_shell import PRIMED_SHELL
from support.client import Client, End, eventually
from support.gatehouse import Gatehouse

KILLED = 128 + signal.SIGKILL


@pytest.fixture
async def house(request: pytest.FixtureRequest, state_dir: Path) -> AsyncIterator[Gatehouse]:
    """A backend whose engine's containers see its directory, unless a parameter says otherwise."""
    made = Gatehouse(state_dir, pipes="off")
    made.engine.faults.shares_directories = getattr(request, "param", True)
    await made.backend.start()
    yield made
    await made.close()


def waiting(house: Gatehouse) -> list[FakeExec]:
    """The shells that wait in the only container."""
    return [
        made for made in house.container().execs.values() if made.state.running and PRIMED_SHELL in made.process.argv
    ]


def orders(state: Path) -> list[Path]:
    """The FIFOs of orders that are still to be given."""
    return list(state.rglob("*.order"))


async def logged_in(house: Gatehouse) -> ConnectionHandler:
    """Log in and wait until both shells do."""
    handler = house.login()
    await both_wait(house)
    return handler


async def both_wait(house: Gatehouse) -> None:
    await eventually(
        lambda: bool(house.engine.containers) and {made.spec.tty for made in waiting(house)} == {True, False},
        "both shells",
    )


def primed(house: Gatehouse) -> float:
    return house.count("sshore_programs_primed_total")


async def test_a_shell_that_waits_becomes_the_program_and_another_takes_its_place(house: Gatehouse) -> None:
    handler = await logged_in(house)
    for number in range(3):
        session, client = house.run(handler, f"read line; echo $line; echo err >&2; exit {number}", number + 1)
        session.write(b"typed early\n")
        assert await client.until_end() == End(number)
        assert (bytes(client.stdout), bytes(client.stderr)) == (b"typed early\n", b"err\n")
        session.close()
        await both_wait(house)
        assert primed(house) == number + 1


async def test_a_terminal_and_its_variables_are_the_sessions(house: Gatehouse) -> None:
    handler = await logged_in(house)
    session, client = handler.program_session(1), Client()
    session.env("FOO", "it's")
    session.pty("xterm", 80, 24)
    session.start(RunExec("printenv FOO; read line; exit 4"), client)
    await client.until_stdout(b"it's\r\n")
    session.write(b"on\r")
    assert await client.until_end() == End(4)
    assert primed(house) == 1
    session.close()


async def test_who_kills_his_shells_gets_plain_execs(house: Gatehouse) -> None:
    handler = await logged_in(house)
    for made in waiting(house):
        made.process.signal("KILL")
    await eventually(lambda: not waiting(house), "the end of both")
    _, end = await house.finish(handler, "exit 5")
    assert (end, primed(house)) == (End(5), 0)
    await both_wait(house)


async def test_an_order_that_nobody_can_read_becomes_a_plain_exec_with_all_of_its_input(
    house: Gatehouse, state_dir: Path
) -> None:
    handler = await logged_in(house)
    for order in orders(state_dir):
        order.unlink()
    session, client = house.run(handler, "wc; exit 6")
    session.write(b"12345")
    session.write_eof()
    assert await client.until_end() == End(6)
    assert (bytes(client.stdout), primed(house)) == (b"5\n", 0)
    session.close()


async def test_a_channel_that_closes_at_once_ends_what_its_shell_became(house: Gatehouse) -> None:
    handler = await logged_in(house)
    [made] = [made for made in waiting(house) if not made.spec.tty]
    session, _ = house.run(handler, "sleep 600")
    session.close()
    await eventually(lambda: not made.state.running, "the program's end")
    assert (await house.finish(handler, "exit 2", 2))[1] == End(2)


async def test_a_signal_and_a_kill_reach_what_a_shell_became(house: Gatehouse) -> None:
    handler = await logged_in(house)
    session, client = house.run(handler, "trap 'echo got it' USR1; echo ready; wait; sleep 600")
    await client.until_stdout(b"ready\n")
    session.signal("USR1")
    await client.until_stdout(b"got it\n")
    session.signal("KILL")
    assert await client.until_end() == End(KILLED)
    assert primed(house) == 1
    session.close()


async def test_a_disconnect_while_shells_wait_leaves_nothing(house: Gatehouse, state_dir: Path) -> None:
    handler = await logged_in(house)
    handler.disconnect()
    await handler.wait_ended()
    await house.until_empty()
    assert orders(state_dir) == []


async def test_lost_streams_of_shells_that_wait_cost_nobody_his_program(house: Gatehouse) -> None:
    handler = await logged_in(house)
    streams = [each for each in list(house.engine.connections._open) if isinstance(each, FakeStream)]
    assert len(streams) >= 2
    for stream in streams:
        stream.lose()
    _, end = await house.finish(handler, "exit 3")
    assert (end, primed(house)) == (End(3), 0)


@pytest.mark.parametrize("house", [False], indirect=True)
async def test_where_containers_do_not_see_the_directory_every_program_is_a_plain_exec(house: Gatehouse) -> None:
    handler = house.login()
    await eventually(lambda: house.engine.faults.calls("exec_create") == 1, "the try")
    for number in range(3):
        assert (await house.finish(handler, f"exit {number}", number + 1))[1] == End(number)
    assert house.engine.faults.calls("exec_create") == 4
    assert primed(house) == 0
