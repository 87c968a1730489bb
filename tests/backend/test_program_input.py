"""Input waits for the size that its terminal got before it, and for nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from sshore.backend import program_input
from sshore.backend.program_input import ProgramInput
from support.client import eventually
from support.paper_stream import PaperStream


class Desk:
    """One program's input; `calls` of the stream, and whether the client is paused."""

    def __init__(self) -> None:
        self.stream = PaperStream()
        self.paused = True
        self.switches = 0
        self.input = ProgramInput(asyncio.get_running_loop(), lambda: self._switch(True), lambda: self._switch(False))

    def _switch(self, paused: bool) -> None:
        assert paused is not self.paused
        self.paused = paused
        self.switches += 1


@pytest.fixture
async def desk() -> Desk:
    return Desk()


async def test_what_comes_early_goes_first_and_then_the_client_goes_on(desk: Desk) -> None:
    desk.input.write(b"early")
    assert desk.paused
    desk.input.pass_to(desk.stream)
    desk.input.write(b"late")
    desk.input.write_eof()
    assert (desk.stream.calls, desk.paused) == ([b"early", b"late", "eof"], False)


async def test_a_key_waits_for_the_size_before_it(desk: Desk) -> None:
    desk.input.pass_to(desk.stream)
    desk.input.write(b"before")
    desk.input.window_told(1)
    assert not desk.paused
    desk.input.write(b"after")
    assert (desk.stream.calls, desk.paused) == ([b"before"], True)
    desk.input.window_set(1)
    assert (desk.stream.calls, desk.paused) == ([b"before", b"after"], False)
    desk.input.write(b"later")
    assert desk.stream.calls[-1] == b"later"


async def test_a_size_that_came_after_the_key_is_not_waited_for(desk: Desk) -> None:
    desk.input.pass_to(desk.stream)
    desk.input.window_told(1)
    desk.input.write(b"one")
    desk.input.window_told(2)
    desk.input.write(b"two")
    desk.input.window_set(1)
    assert (desk.stream.calls, desk.paused) == ([b"one"], True)
    desk.input.window_set(2)
    assert (desk.stream.calls, desk.paused) == ([b"one", b"two"], False)


async def test_of_a_storm_the_last_size_is_enough(desk: Desk) -> None:
    desk.input.pass_to(desk.stream)
    for number in range(1, 1000):
        desk.input.window_told(number)
        desk.input.write(b"%d" % number)
    assert desk.switches == 2
    desk.input.window_set(999)
    assert len(desk.stream.calls) == 999
    assert desk.switches == 3


async def test_keys_come_through_while_the_window_changes_on_and_on(desk: Desk) -> None:
    desk.input.pass_to(desk.stream)
    for number in range(1, 100):
        desk.input.window_told(number)
        desk.input.write(b"x")
        desk.input.window_set(number - 1)
    assert len(desk.stream.calls) == 98


async def test_an_engine_that_hangs_holds_input_for_a_while_only(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program_input, "SIZE_PATIENCE", 0.05)
    desk.input.pass_to(desk.stream)
    desk.input.window_told(1)
    desk.input.write(b"one")
    await eventually(lambda: desk.stream.calls == [b"one"])
    desk.input.window_told(2)
    desk.input.write(b"at once")
    assert (desk.stream.calls[1:], desk.paused) == ([b"at once"], False)
    desk.input.window_set(2)
    desk.input.window_told(3)
    desk.input.write(b"waits again")
    assert len(desk.stream.calls) == 2
    desk.input.close()


async def test_the_end_of_the_input_waits_as_well(desk: Desk) -> None:
    desk.input.pass_to(desk.stream)
    desk.input.window_told(1)
    desk.input.write(b"last")
    desk.input.write_eof()
    assert desk.stream.calls == []
    desk.input.window_set(1)
    assert desk.stream.calls == [b"last", "eof"]


@pytest.mark.parametrize("order", ["stream first", "size first"])
async def test_the_client_goes_on_when_nothing_is_in_its_way(desk: Desk, order: str) -> None:
    desk.input.pass_to(desk.stream)
    desk.input.window_told(1)
    desk.input.write(b"x")
    desk.input.stream_filled()
    steps: list[Callable[[], Any]] = [desk.input.stream_drained, lambda: desk.input.window_set(1)]
    first, second = steps if order == "stream first" else steps[::-1]
    first()
    assert desk.paused
    second()
    assert not desk.paused
