"""What a user sees while his image is pulled."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from sshore.actors.messages import RunExec
from sshore.actors.refusals import Refused
from sshore.backend.connection import ConnectionHandler
from sshore.backend.session import ProgramSession
from sshore.backend.waiting_line import WaitingLine
from sshore.engine.fake.engine import FAKE_IMAGE
from support.client import Client, End, eventually
from support.gatehouse import Gatehouse

both_modes = pytest.mark.parametrize("house", ["connection", "session"], indirect=True)
SHOWN = b"\rsshore: Fetching the image"
WIPED = SHOWN + b"\r" + b" " * (len(SHOWN) - 1) + b"\r"


@pytest.fixture
def release(house: Gatehouse) -> Iterator[Callable[[], None]]:
    """The image is missing, and in the registry; its pull goes on when this is called."""
    house.engine.registry[FAKE_IMAGE] = house.engine.images.pop(FAKE_IMAGE)
    release = house.engine.faults.hang("image_pull")
    yield release
    release()


def start(handler: ConnectionHandler, channel: int, *, columns: int | None) -> tuple[ProgramSession, Client]:
    """A program in a terminal of so many columns, or in none."""
    session, client = handler.program_session(channel), Client()
    if columns is not None:
        session.pty("xterm", columns, 24)
    session.start(RunExec("echo out"), client)
    return session, client


@both_modes
async def test_only_a_terminal_shows_it_and_is_clean_before_the_program_speaks(
    house: Gatehouse, release: Callable[[], None]
) -> None:
    handler = house.login()
    sessions = [start(handler, number, columns=columns) for number, columns in enumerate((80, 0, 10, None))]
    clients = [client for _, client in sessions]
    for client in clients[:3]:
        await client.until(lambda client=client: bool(client.stderr))
    release()
    for client in clients:
        assert await client.until_end() == End(0)
    assert clients[0].stderr.endswith(WIPED)
    assert clients[1].stderr.endswith(WIPED)
    assert clients[2].stderr.startswith(b"\rsshore: F\r")
    assert clients[3].stderr == b""
    assert {bytes(client.stdout).strip() for client in clients} == {b"out"}
    for session, _ in sessions:
        session.close()


@both_modes
async def test_a_client_that_does_not_read_misses_it(house: Gatehouse, release: Callable[[], None]) -> None:
    handler = house.login()
    deaf, deaf_client = start(handler, 1, columns=80)
    deaf.pause_output()
    other, other_client = start(handler, 2, columns=80)
    await other_client.until(lambda: bool(other_client.stderr))
    assert deaf_client.stderr == b""
    deaf.close()
    other.close()


async def test_a_refusal_comes_on_a_clean_line(house: Gatehouse, release: Callable[[], None]) -> None:
    handler = house.login()
    session, client = start(handler, 1, columns=80)
    await client.until(lambda: bool(client.stderr))
    house.engine.registry.clear()
    release()
    end = await client.until_end()
    assert isinstance(end, Refused)
    assert end.code == "IMAGE_NOT_FOUND"
    assert client.stderr.endswith(WIPED)
    session.close()


async def test_a_pull_outlives_the_last_who_waited(house: Gatehouse, release: Callable[[], None]) -> None:
    handler = house.login()
    await eventually(lambda: house.engine.faults.calls("image_pull") == 1)
    handler.disconnect()
    await handler.wait_ended()
    release()
    await eventually(lambda: FAKE_IMAGE in house.engine.images)
    assert (await house.finish(house.login(), "exit 3"))[1] == End(3)
    assert house.engine.faults.calls("image_pull") == 1


def test_a_line_is_rewritten_and_wiped() -> None:
    line = WaitingLine()
    assert line.wipe() == b""
    assert line.show("three words more") == b"\rsshore: three words more"
    assert line.show("one") == b"\rsshore: one" + b" " * 13 + b"\b" * 13
    assert line.wipe() == b"\r" + b" " * 11 + b"\r"
    assert line.wipe() == b""
    line.columns = 12
    assert line.show("three words more") == b"\rsshore: thr"
    line.columns = 1
    assert line.show("three") == b"\r" + b" " * 11 + b"\b" * 11
