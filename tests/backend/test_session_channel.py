"""A session with plain streams: what an embedding program without asyncssh gets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
from sshore.actors.refusals import RefusedError
from support.client import eventually
from support.gatehouse import Gatehouse
from support.wires import Target, Wires

both_modes = pytest.mark.parametrize("house", ["connection", "session"], indirect=True)


class Broken(Target):
    """A target whose reader is gone."""

    async def drain(self) -> None:
        raise ConnectionResetError("the reader is gone")


@pytest.fixture
async def tasks() -> AsyncIterator[Callable[[], set[str]]]:
    """What moves bytes at the moment; afterwards nothing may."""

    def new() -> set[str]:
        return {str(task.get_coro()) for task in asyncio.all_tasks() if "Pump" in str(task.get_coro())}

    yield new
    await eventually(lambda: not new(), f"the end of {new()}")


@both_modes
async def test_a_command_runs_and_its_status_comes_behind_its_last_byte(house: Gatehouse) -> None:
    channel, wires = house.login().session_channel(1), Wires()
    wires.exec(channel, "echo out; echo err >&2; exit 7")
    assert await wires.exit() == 7
    assert (wires.stdout_at_exit, bytes(wires.stderr.data)) == (b"out\n", b"err\n")
    channel.close()


@both_modes
async def test_input_reaches_the_program_and_its_end_too(house: Gatehouse) -> None:
    data = bytes(range(256)) * 4096
    channel, wires = house.login().session_channel(1), Wires(data)
    wires.exec(channel, "cat")
    assert await wires.exit() == 0
    assert wires.stdout_at_exit == data
    channel.close()


@both_modes
async def test_a_shell_with_a_terminal(house: Gatehouse) -> None:
    channel, wires = house.login().session_channel(1, extra_data=b"from the transport"), Wires(stdin=None)
    channel.env("GREETING", "hello", request_id=1)
    channel.pty("xterm", 80, 24, request_id=2)
    channel.shell(wires.stdin, wires.stdout, wires.stderr, wires.on_exit, request_id=3)
    wires.stdin.feed_data(b"echo $GREETING\r")
    await eventually(lambda: b"\r\nhello\r\n" in wires.stdout.data)
    channel.window(120, 40, request_id=4)
    channel.signal("INT", request_id=5)
    assert await wires.exit() == 130
    channel.close()
    requests = [(line["request"], line["request_id"]) for line in house.book.of("session_request")]
    assert requests == [("env", 1), ("pty", 2), ("shell", 3), ("window", 4), ("signal", 5)]
    assert house.book.wait_for("session_opened")["extra_data"] == b"from the transport"


async def test_a_subsystem(house: Gatehouse) -> None:
    channel, wires = house.login().session_channel(1), Wires()
    channel.subsystem("unheard-of", wires.stdin, wires.stdout, wires.stderr, wires.on_exit, request_id=9)
    assert await wires.exit() == 255
    assert wires.stderr.data == b"sshore: This subsystem is not available. (SUBSYSTEM_UNKNOWN)\n"
    channel.close()


@both_modes
async def test_a_target_that_is_full_holds_the_program_back(house: Gatehouse) -> None:
    channel, wires = house.login().session_channel(1), Wires()
    wires.stdout.open.clear()
    wires.exec(channel, f"head -c {1 << 20} /dev/zero")
    await eventually(lambda: len(wires.stdout.data) > 0)
    await asyncio.sleep(0.05)
    assert len(wires.stdout.data) < 1 << 19
    wires.stdout.open.set()
    assert await wires.exit() == 0
    assert len(wires.stdout_at_exit) == 1 << 20
    channel.close()


@both_modes
async def test_a_program_that_ends_first_lets_go_of_its_input(house: Gatehouse, tasks: Callable[[], set[str]]) -> None:
    channel, wires = house.login().session_channel(1), Wires(stdin=None)
    wires.exec(channel, "exit 3")
    assert await wires.exit() == 3
    channel.close()


@both_modes
@pytest.mark.parametrize("way", ["close", "disconnect"])
async def test_a_channel_that_closes_reads_no_more_input(
    house: Gatehouse, tasks: Callable[[], set[str]], way: str
) -> None:
    handler = house.login()
    channel, wires = handler.session_channel(1), Wires(stdin=None)
    wires.exec(channel, "echo up; cat")
    await eventually(lambda: bytes(wires.stdout.data) == b"up\n")
    if way == "close":
        channel.close()
    else:
        handler.disconnect()
    await eventually(lambda: not tasks(), "the end of the pumps")
    wires.stdin.feed_data(b"unheard")
    assert wires.statuses == []


async def test_a_second_program_is_refused_and_its_streams_are_left_alone(
    house: Gatehouse, tasks: Callable[[], set[str]]
) -> None:
    channel, wires, other = house.login().session_channel(1), Wires(stdin=None), Wires(b"mine")
    wires.exec(channel, "read line; exit 4")
    with pytest.raises(RefusedError, match="PROGRAM_ALREADY_STARTED"):
        other.exec(channel, "cat")
    wires.stdin.feed_eof()
    assert await wires.exit() == 4
    assert other.statuses == []
    assert await other.stdin.read() == b"mine"
    channel.close()


@both_modes
async def test_a_target_whose_reader_is_gone_ends_the_program(house: Gatehouse, tasks: Callable[[], set[str]]) -> None:
    wires = Wires(stdin=None, stdout=Broken())
    channel = house.login().session_channel(1)
    wires.exec(channel, "yes")
    await eventually(lambda: bool(house.book.of("target_lost")))
    await eventually(lambda: house.count("sshore_sessions_current") == 0)
    assert wires.statuses == [255]


class Torn(asyncio.StreamReader):
    """An input that breaks off."""

    async def read(self, n: int = -1) -> bytes:
        raise ConnectionResetError("the sender is gone")


async def test_an_input_that_breaks_is_the_end_of_the_input(house: Gatehouse, tasks: Callable[[], set[str]]) -> None:
    wires = Wires()
    wires.stdin = Torn()
    channel = house.login().session_channel(1)
    wires.exec(channel, "cat; exit 6")
    assert await wires.exit() == 6
    assert "the sender is gone" in house.book.wait_for("source_lost")["cause"]
    channel.close()


async def test_a_refused_start_is_an_exit_with_a_sentence(house: Gatehouse) -> None:
    handler = house.login()
    channel, wires = handler.session_channel(1), Wires()
    wires.exec(channel, "x" * 200_000)
    assert await wires.exit() == 255
    assert bytes(wires.stderr.data).startswith(b"sshore: The command is too long")
    channel.close()
