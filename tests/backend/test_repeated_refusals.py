"""What a client or its programs repeat is a few lines of the log, whichever part of sshore writes them, and counted."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import pytest
from sshore.actors.refusals import Refused, RefusedError
from sshore.backend.connection import ConnectionHandler
from sshore.backend.session import ProgramSession
from sshore.engine.errors import Refused as EngineRefused
from sshore.engine.types import EngineEvent, MemoryExhausted
from sshore.metrics.codes import Code
from support.client import End, eventually
from support.gatehouse import Gatehouse
from support.logbook import Logbook

both_modes = pytest.mark.parametrize("house", ["connection", "session"], indirect=True)

MANY = 300
AT_ONCE = 10
AFTER_A_PAUSE = 3
"""Lines for which so slow a test leaves time: one a minute."""

_OF_A_LAST_LINE = {"event", "level", "left_out", "connection", "client", "gateway", "user"}

REFUSED: dict[str, tuple[Callable[[ProgramSession], None], str, Code]] = {
    "a signal of no name": (lambda session: session.signal("NONE"), "signal_refused", Code.SIGNAL_UNKNOWN),
    "a signal after the end": (lambda session: session.signal("TERM"), "signal_refused", Code.REQUEST_OUT_OF_ORDER),
    "no such subsystem": (lambda session: session.check_subsystem("no"), "session_refused", Code.SUBSYSTEM_UNKNOWN),
    "a variable after the start": (
        lambda session: session.env("A", "b"),
        "session_refused",
        Code.PROGRAM_ALREADY_STARTED,
    ),
    "a terminal after the start": (
        lambda session: session.pty("xterm", 80, 24),
        "session_refused",
        Code.PROGRAM_ALREADY_STARTED,
    ),
    "a size without a terminal": (
        lambda session: session.window(80, 24),
        "session_refused",
        Code.REQUEST_OUT_OF_ORDER,
    ),
}


@pytest.mark.parametrize("kind", REFUSED)
async def test_what_is_refused_in_a_loop_is_ten_lines_of_a_connection_and_all_are_counted(
    house: Gatehouse, kind: str
) -> None:
    request, event, code = REFUSED[kind]
    handler = house.login()
    sessions = []
    for channel in (1, 2, 3):
        session, client = house.run(handler, "exit 0", channel)
        session.write_eof()
        assert await client.until_end() == End(0)
        sessions.append(session)
    for number in range(MANY):
        with suppress(RefusedError):
            request(sessions[number % 3])
    assert house.count("sshore_refusals_total", code=code) == MANY
    await _ended(house, handler)
    _are_few_and_tell_of_the_rest(house.book, event, MANY)


async def test_variables_that_cannot_be_are_ten_lines(house: Gatehouse) -> None:
    handler = house.login()
    session = handler.program_session(1)
    for _ in range(MANY):
        with pytest.raises(RefusedError):
            session.env("A=B", "x")
    session.close()
    assert house.count("sshore_refusals_total", code=Code.ENV_INVALID) == MANY
    await _ended(house, handler)
    _are_few_and_tell_of_the_rest(house.book, "session_refused", MANY)


@both_modes
async def test_memory_that_runs_out_in_a_loop_is_ten_lines(house: Gatehouse) -> None:
    handler = house.login()
    session, client = house.run(handler, "read go")
    await house.until_programs_run(1)
    container = house.container()
    for _ in range(MANY):
        container.publish(container.id, MemoryExhausted())
    # Told in order: when the watcher has come to this one, the actor has the others.
    told: list[EngineEvent] = []
    house.backend._watcher.watch("last", told.append)
    container.publish("last", MemoryExhausted())
    await eventually(lambda: bool(told), "the watcher")
    session.write(b"go\n")
    await client.until_end()
    session.close()
    await _ended(house, handler)
    _are_few_and_tell_of_the_rest(house.book, "memory_exhausted", MANY)


async def test_calls_that_fail_in_a_loop_are_ten_lines_and_all_are_counted(house: Gatehouse) -> None:
    number = 30
    house.engine.faults.fail("exec_create", EngineRefused, times=number)
    handler = house.login()
    for channel in range(number):
        _, end = await house.finish(handler, "exit 0", channel)
        assert isinstance(end, Refused)
        assert end.code is Code.PROGRAM_START_FAILED
    failed = {"operation": "exec_create", "code": "ENGINE_REFUSED"}
    assert house.count("sshore_backend_failures_total", **failed) == number
    assert house.count("sshore_refusals_total", code=Code.PROGRAM_START_FAILED) == number
    await _ended(house, handler)
    _are_few_and_tell_of_the_rest(house.book, "engine_call_failed", number)
    _are_few_and_tell_of_the_rest(house.book, "session_refused", number)


async def test_two_connections_have_ten_lines_each(house: Gatehouse) -> None:
    for user in ("alice", "bob"):
        handler = house.login(user)
        session = handler.program_session(1)
        for _ in range(20):
            with pytest.raises(RefusedError):
                session.env("", "x")
        session.close()
        await _ended(house, handler)
    written = [line["user"] for line in house.book.of("session_refused") if "channel" in line]
    assert written == ["alice"] * AT_ONCE + ["bob"] * AT_ONCE


async def test_an_embedding_programs_own_logger_is_paced_too(house: Gatehouse) -> None:
    own = Logbook()
    handler = house.login(log=own.log)
    for _ in range(MANY):
        with pytest.raises(RefusedError):
            handler.handshake_success("bob")
        handler.log.info("own_event", number=1)
    await _ended(house, handler)
    _are_few_and_tell_of_the_rest(own, "request_out_of_order", MANY)
    _are_few_and_tell_of_the_rest(own, "own_event", MANY)
    assert house.book.of("request_out_of_order") == []


async def test_every_program_of_a_busy_connection_is_told(house: Gatehouse) -> None:
    handler = house.login()
    for channel in range(40):
        _, end = await house.finish(handler, f"exit {channel % 3}", channel)
        assert end == End(channel % 3)
    await _ended(house, handler)
    assert [line["status"] for line in house.book.of("program_ended")] == [channel % 3 for channel in range(40)]


async def _ended(house: Gatehouse, handler: ConnectionHandler) -> None:
    handler.disconnect()
    await handler.wait_ended()
    await eventually(lambda: house.count("sshore_sessions_current") == 0, "the sessions' end")


def _are_few_and_tell_of_the_rest(book: Logbook, event: str, number: int) -> None:
    lines = book.of(event)
    left_out = [line["left_out"] for line in lines if "left_out" in line]
    written = [line for line in lines if set(line) - _OF_A_LAST_LINE]
    assert AT_ONCE <= len(lines) <= AT_ONCE + AFTER_A_PAUSE
    assert len(written) + sum(left_out) == number
