"""The watcher of ends: its bookkeeping on scripted events, its reconnecting on a real engine."""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from sshore.engine import watcher as watching
from sshore.engine.address import EngineAddress
from sshore.engine.docker_engine import DockerEngine
from sshore.engine.errors import Unavailable
from sshore.engine.types import (
    ContainerDied,
    ContainerGone,
    ContainerKilled,
    ContainerSpec,
    EngineEvent,
    EventsLost,
    ExecSpec,
    ProgramEnded,
)
from sshore.engine.watcher import EventWatcher
from support.own_engine import OwnEngine

LABEL = "engine-test"


class Subscription(queue.SimpleQueue[tuple[str, EngineEvent] | None]):
    """One event stream: what is put is heard; None loses it."""

    def __iter__(self) -> Iterator[tuple[str, EngineEvent]]:
        while (message := self.get()) is not None:
            yield message

    def close(self) -> None:
        self.put(None)


class ScriptedEvents:
    """An engine of which only the event stream exists; it refuses the next `refusals` subscriptions."""

    def __init__(self) -> None:
        self.refusals = 0
        self._current = Subscription()

    def put(self, message: tuple[str, EngineEvent] | None) -> None:
        self._current.put(message)

    def events(self, labels: Any, *, timeout: float) -> Subscription:
        if self.refusals:
            self.refusals -= 1
            raise Unavailable("events", "refused")
        self._current = Subscription()
        return self._current


class Told(queue.Queue[EngineEvent]):
    """A callback that remembers."""

    def __call__(self, event: EngineEvent) -> None:
        self.put(event)

    def next(self) -> EngineEvent:
        return self.get(timeout=10)


@pytest.fixture
def source() -> ScriptedEvents:
    return ScriptedEvents()


@pytest.fixture
def watcher(source: ScriptedEvents) -> Iterator[EventWatcher]:
    watcher = EventWatcher(source, {}, structlog.get_logger())  # type: ignore[arg-type]  # only events() is used
    watcher.start()
    assert watcher.ready.wait(5)
    yield watcher
    watcher.stop()


def test_an_end_is_told_to_who_waits_for_it_and_to_nobody_else(watcher: EventWatcher, source: ScriptedEvents) -> None:
    one, other = Told(), Told()
    watcher.watch("one", one)
    watcher.watch("other", other)
    source.put(("one", ProgramEnded(3)))
    source.put(("other", ProgramEnded(4)))
    assert other.next() == ProgramEnded(4)
    assert (one.next(), one.qsize()) == (ProgramEnded(3), 0)


def test_an_end_that_nobody_waits_for_yet_is_kept_in_its_order(watcher: EventWatcher, source: ScriptedEvents) -> None:
    marker, told = Told(), Told()
    watcher.watch("marker", marker)
    for message in (("early", ContainerDied(1, oom=False)), ("early", ContainerGone()), ("marker", ContainerGone())):
        source.put(message)
    marker.next()
    watcher.watch("early", told)
    assert (told.get_nowait(), told.get_nowait()) == (ContainerDied(1, oom=False), ContainerGone())


def test_a_forgotten_id_is_not_told(watcher: EventWatcher, source: ScriptedEvents) -> None:
    marker, told = Told(), Told()
    watcher.watch("marker", marker)
    watcher.watch("x", told)
    watcher.forget("x")
    source.put(("x", ContainerGone()))
    source.put(("marker", ContainerGone()))
    marker.next()
    assert told.empty()


def test_early_events_are_kept_for_a_bounded_time_and_number(
    watcher: EventWatcher, source: ScriptedEvents, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "EARLY_LIMIT", 2)
    marker, told = Told(), Told()
    watcher.watch("marker", marker)
    for id in ("a", "b", "c"):
        source.put((id, ContainerGone()))
    source.put(("marker", ContainerGone()))
    marker.next()
    watcher.watch("a", told)
    assert told.empty()
    watcher.watch("b", told)
    assert told.get_nowait() == ContainerGone()
    monkeypatch.setattr(watching, "EARLY_SECONDS", -1)
    source.put(("d", ContainerGone()))
    source.put(("marker", ContainerGone()))
    marker.next()
    watcher.watch("c", told)
    watcher.watch("d", told)
    assert told.empty()


def test_a_lost_stream_is_opened_again_and_everybody_told(watcher: EventWatcher, source: ScriptedEvents) -> None:
    told = Told()
    watcher.watch("x", told)
    source.refusals = 2
    source.put(None)
    assert told.next() == EventsLost(2)
    assert watcher.hearing == 2
    source.put(("x", ContainerGone()))
    assert told.next() == ContainerGone()


def test_a_callback_that_raises_harms_nobody(watcher: EventWatcher, source: ScriptedEvents) -> None:
    told = Told()

    def broken(event: EngineEvent) -> None:
        raise RuntimeError("broken callback")

    watcher.watch("broken", broken)
    watcher.watch("x", told)
    source.put(("broken", ContainerGone()))
    source.put(("x", ContainerGone()))
    assert told.next() == ContainerGone()


def test_no_end_is_lost_between_an_event_and_its_registration(watcher: EventWatcher, source: ScriptedEvents) -> None:
    told = Told()
    for number in range(2_000):
        source.put((str(number), ProgramEnded(0)))
        watcher.watch(str(number), told)
    assert [told.next() for _ in range(2_000)] == [ProgramEnded(0)] * 2_000


def test_stopping_ends_the_thread_even_before_the_engine_was_reached(source: ScriptedEvents) -> None:
    source.refusals = 10**6
    watcher = EventWatcher(source, {}, structlog.get_logger())  # type: ignore[arg-type]  # only events() is used
    watcher.stop()
    watcher.start()
    watcher.stop()
    assert not [thread for thread in threading.enumerate() if thread.name == "sshore-events"]


@pytest.mark.engine
def test_ends_of_execs_and_containers_are_told_by_the_real_engine(engine: DockerEngine, name: str) -> None:
    spec = ContainerSpec(name, _config(name, "sleep", "1000"))
    with _watching(engine, name) as watcher:
        told, program = Told(), Told()
        container = engine.create_container(spec, timeout=10)
        watcher.watch(container, told)
        engine.start_container(container, timeout=20)
        exec_id = engine.create_exec(container, ExecSpec(("sh", "-c", "exit 9")), timeout=5)
        watcher.watch(exec_id, program)
        engine.start_control(exec_id, timeout=5).close()
        assert program.next() == ProgramEnded(9)
        engine.remove_container(container, timeout=10)
        ends = (told.next(), told.next(), told.next())
        assert ends == (ContainerKilled(9), ContainerDied(137, oom=False), ContainerGone())


@pytest.mark.engine
@pytest.mark.parametrize("end", ["stop", "kill"])
def test_an_engine_that_comes_back_is_watched_again(own_engine: OwnEngine, end: str) -> None:
    engine = DockerEngine(EngineAddress.parse(own_engine.host))
    name = f"engine-test-{end}"
    with _watching(engine, name) as watcher:
        told, reborn = Told(), Told()
        watcher.watch("whatever", told)
        _end(own_engine, end)
        own_engine.start()
        assert isinstance(told.next(), EventsLost)
        container = engine.create_container(ContainerSpec(name, _config(name, "true")), timeout=10)
        watcher.watch(container, reborn)
        engine.start_container(container, timeout=20)
        assert reborn.next() == ContainerDied(0, oom=False)
        engine.remove_container(container, timeout=10)
        assert reborn.next() == ContainerGone()
    engine.close()


@contextlib.contextmanager
def _watching(engine: DockerEngine, name: str) -> Iterator[EventWatcher]:
    watcher = EventWatcher(engine, {LABEL: name}, structlog.get_logger())
    watcher.start()
    assert watcher.ready.wait(10)
    yield watcher
    watcher.stop()


def _end(own: OwnEngine, how: str) -> None:
    if how == "kill":
        os.kill(own.pid, signal.SIGKILL)
    own.stop()


def _config(name: str, *argv: str) -> dict[str, Any]:
    return {
        "Image": "sshore/mini",
        "Cmd": list(argv),
        "Labels": {LABEL: name},
        "HostConfig": {"NetworkMode": "none"},
    }
