"""Counting and retrying, over an engine whose failures are scripted."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
import structlog
from sshore.engine.errors import (
    Conflict,
    EngineError,
    NotFound,
    Refused,
    ServerFault,
    TimedOut,
    Unavailable,
)
from sshore.engine.instrumented import InstrumentedEngine
from sshore.engine.retry import UNAVAILABLE_SECONDS
from sshore.engine.types import ContainerSpec, ContainerState, ExecSpec


class ScriptedEngine:
    """Answers every call, whatever it is, with the next of its outcomes; raises those that are exceptions."""

    def __init__(self, *outcomes: Any) -> None:
        self.calls: list[str] = []
        self.timeouts: list[float] = []
        self._outcomes = list(outcomes)

    @property
    def streams(self) -> ScriptedEngine:
        return self

    async def open_exec(self, *arguments: Any, **options: Any) -> Any:
        return self._next("open_exec", options)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return lambda *arguments, **options: self._next(name, options)

    def _next(self, name: str, options: dict[str, Any]) -> Any:
        self.calls.append(name)
        self.timeouts.append(options["timeout"])
        outcome = self._outcomes.pop(0) if len(self._outcomes) > 1 else self._outcomes[0]
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


class Tally:
    def __init__(self) -> None:
        self.requests: Counter[str] = Counter()
        self.failures: Counter[tuple[str, str]] = Counter()

    def requested(self, operation: str) -> None:
        self.requests[operation] += 1

    def failed(self, operation: str, code: str) -> None:
        self.failures[operation, code] += 1


def instrument(*outcomes: Any) -> tuple[InstrumentedEngine, ScriptedEngine, Tally]:
    engine, tally = ScriptedEngine(*outcomes), Tally()
    return InstrumentedEngine(engine, tally, structlog.get_logger()), engine, tally  # type: ignore[arg-type]  # any call


def test_a_call_that_succeeds_is_counted_once() -> None:
    engine, _, tally = instrument("id")
    assert engine.create_exec("c", ExecSpec(("true",)), timeout=5) == "id"
    assert tally.requests == {"exec_create": 1}
    assert not tally.failures


def test_a_passing_failure_is_tried_again_and_every_attempt_counted() -> None:
    engine, scripted, tally = instrument(Unavailable("x", "reset"), ServerFault("x", "fault"), "id")
    assert engine.create_exec("c", ExecSpec(("true",)), timeout=5) == "id"
    assert tally.requests == {"exec_create": 3}
    assert tally.failures == {("exec_create", "ENGINE_UNAVAILABLE"): 1, ("exec_create", "ENGINE_FAULT"): 1}
    assert scripted.timeouts == sorted(scripted.timeouts, reverse=True)
    assert scripted.timeouts[-1] < 5


@pytest.mark.parametrize("kind", [NotFound, Conflict, Refused, TimedOut])
def test_other_failures_end_at_once(kind: type[EngineError]) -> None:
    engine, _, tally = instrument(kind("x", "y"))
    with pytest.raises(kind):
        engine.start_container("c", timeout=5)
    assert tally.requests == {"container_start": 1}
    assert tally.failures == {("container_start", kind.code): 1}


def test_a_container_that_went_because_it_did_not_start_is_told_with_the_first_reason() -> None:
    engine, _, tally = instrument(ServerFault("container_start", "no such user"), NotFound("container_start", "gone"))
    with pytest.raises(NotFound, match=r"container_start: no such user \(then gone\)"):
        engine.start_container("c", timeout=5)
    assert tally.requests == {"container_start": 2}


def test_an_engine_that_is_absent_is_reported_long_before_the_timeout() -> None:
    engine, _, tally = instrument(Unavailable("x", "refused"))
    started = time.monotonic()
    with pytest.raises(Unavailable):
        engine.start_container("c", timeout=60)
    assert time.monotonic() - started <= UNAVAILABLE_SECONDS
    assert 4 <= tally.requests["container_start"] <= 20


def test_retries_stay_inside_the_calls_own_timeout() -> None:
    engine, _, _ = instrument(ServerFault("x", "fault"))
    started = time.monotonic()
    with pytest.raises(ServerFault):
        engine.start_container("c", timeout=0.3)
    assert time.monotonic() - started < 0.5


def test_what_a_caller_wanted_to_know_is_no_failure() -> None:
    calls: list[tuple[EngineError, Callable[[InstrumentedEngine], object]]] = [
        (NotFound("x", "y"), lambda engine: engine.inspect_container("c", timeout=1)),
        (NotFound("x", "y"), lambda engine: engine.inspect_exec("e", timeout=1)),
        (NotFound("x", "y"), lambda engine: engine.remove_container("c", timeout=1)),
        (Conflict("x", "y"), lambda engine: engine.remove_container("c", timeout=1)),
    ]
    for error, call in calls:
        engine, _, tally = instrument(error)
        with pytest.raises(type(error)):
            call(engine)
        assert tally.requests.total() == 1
        assert not tally.failures


def test_an_absent_image_is_a_failure_only_for_who_needs_it() -> None:
    engine, _, tally = instrument(NotFound("image_inspect", "no such image"))
    with pytest.raises(NotFound):
        engine.inspect_image("i", timeout=1)
    assert tally.failures == {("image_inspect", "ENGINE_NOT_FOUND"): 1}


def test_what_starts_a_program_is_not_tried_again() -> None:
    calls: list[tuple[str, Callable[[InstrumentedEngine], object]]] = [
        ("exec_start", lambda engine: engine.start_control("e", timeout=1)),
        ("container_attach", lambda engine: engine.attach_control("c", timeout=1)),
        ("image_pull", lambda engine: engine.pull_image("i", None, None, timeout=1, stall=1, progress=print)),
        ("events", lambda engine: engine.events({}, timeout=1)),
        ("exec_start", lambda engine: asyncio.run(engine.streams.open_exec("e", None, tty=False, timeout=1))),  # type: ignore[arg-type]  # no receiver is called
    ]
    for operation, call in calls:
        engine, _, tally = instrument(Unavailable("x", "y"))
        with pytest.raises(Unavailable):
            call(engine)
        assert tally.requests == {operation: 1}
        assert tally.failures == {(operation, "ENGINE_UNAVAILABLE"): 1}


def test_a_create_whose_answer_was_lost_finds_its_own_container() -> None:
    state = ContainerState("own-id", "name", running=False, exit_code=0, oom_killed=False)
    engine, scripted, tally = instrument(Unavailable("x", "reset"), Conflict("x", "taken"), state)
    assert engine.create_container(ContainerSpec("name", {}), timeout=5) == "own-id"
    assert scripted.calls == ["create_container", "create_container", "inspect_container"]
    assert tally.failures == {("container_create", "ENGINE_UNAVAILABLE"): 1}


def test_a_create_whose_name_is_taken_at_once_is_a_conflict() -> None:
    engine, scripted, _ = instrument(Conflict("x", "taken"))
    with pytest.raises(Conflict):
        engine.create_container(ContainerSpec("name", {}), timeout=5)
    assert scripted.calls == ["create_container"]
