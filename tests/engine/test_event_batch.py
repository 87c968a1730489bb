"""What one event of the loop causes to be sent goes out when the event is dealt with."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sshore.engine.event_batch import event_batch


def test_what_an_event_defers_is_done_once_it_is_dealt_with() -> None:
    seen: list[str] = []

    def handle() -> None:
        event_batch.at_end(lambda: seen.append("flushed"))
        seen.append("handled")

    event_batch.deal(handle)
    assert seen == ["handled", "flushed"]


def test_an_event_within_an_event_ends_with_it() -> None:
    seen: list[str] = []

    def inner() -> None:
        event_batch.at_end(lambda: seen.append("flushed"))

    def outer() -> None:
        event_batch.deal(inner)
        seen.append("inner over")

    event_batch.deal(outer)
    assert seen == ["inner over", "flushed"]


def test_what_a_flush_defers_is_done_as_well() -> None:
    seen: list[str] = []
    event_batch.deal(lambda: event_batch.at_end(lambda: event_batch.at_end(lambda: seen.append("second"))))
    assert seen == ["second"]


async def test_outside_of_an_event_it_is_done_in_the_next_turn() -> None:
    seen: list[str] = []
    event_batch.at_end(lambda: seen.append("flushed"))
    assert seen == []
    await asyncio.sleep(0)
    assert seen == ["flushed"]


async def test_a_flush_that_fails_is_told_to_the_loop_and_keeps_no_other_one() -> None:
    told: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context["exception"]))
    seen: list[str] = []
    fault = ValueError("a fault")

    def failing() -> None:
        raise fault

    def handle() -> None:
        event_batch.at_end(failing)
        event_batch.at_end(lambda: seen.append("flushed"))

    event_batch.deal(handle)
    assert seen == ["flushed"]
    assert told == [fault]


def test_an_event_that_fails_is_flushed_and_leaves_nothing_open() -> None:
    seen: list[str] = []

    def handle() -> None:
        event_batch.at_end(lambda: seen.append("flushed"))
        raise ValueError("a fault")

    with pytest.raises(ValueError, match="a fault"):
        event_batch.deal(handle)
    assert seen == ["flushed"]
    event_batch.deal(lambda: event_batch.at_end(lambda: seen.append("next")))
    assert seen == ["flushed", "next"]
