"""What an actor needs around it, without a loop: the fake engine, and neighbours that remember what they were told."""

from __future__ import annotations

import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pykka
from sshore.actors.messages import ContainerReady, Exited, ResizeWindow, SendSignal
from sshore.actors.ref import Ref, post
from sshore.actors.refusals import Refused
from sshore.actors.surroundings import House, Surroundings
from sshore.config.models import DockerConfig
from sshore.engine.control_shell import CONTROL_SHELL
from sshore.engine.errors import NotFound
from sshore.engine.fake.engine import FAKE_IMAGE, FakeEngine
from sshore.engine.interface import ProgramReceiver, StreamOpener
from sshore.engine.pipes.fifos import FifoSet
from sshore.engine.pipes.order import OrderFifo
from sshore.engine.turns import Turns
from sshore.engine.types import ContainerSpec
from sshore.engine.watcher import EventWatcher
from sshore.metrics.counters import Metrics

from .logbook import Logbook
from .memory import SECONDS, Memory
from .threads import wait_for_none_but

LABELS = {"sshore": "1", "sshore.gateway": "stage"}


class Witness(pykka.ThreadingActor):
    """Stands where an actor's parent or the root would, and writes down what it is told."""

    use_daemon_thread = True

    def __init__(self, told: Memory) -> None:
        super().__init__()
        self._told = told

    def on_receive(self, message: object) -> None:
        self._told.add(message)


@dataclass(frozen=True)
class Opening:
    """A stream that the loop was asked for: the id of an exec, or of a container to attach to."""

    id: str
    tty: bool
    piped: bool = False


@dataclass(frozen=True)
class Running:
    """The loop was told that the program runs."""


@dataclass(frozen=True)
class Stalled:
    """The loop was told whether a program has ended whose output stands still."""

    over: bool


@dataclass(frozen=True)
class Waiting:
    """The loop was told what the user waits for."""

    sentence: str


class SessionDesk:
    """A session's port."""

    def __init__(self) -> None:
        self.calls = Memory()
        self.requests_taken = Memory()
        self.sizes_set = Memory()

    def open_exec(self, exec_id: str, *, tty: bool, timeout: float, fifos: FifoSet | None = None) -> None:
        self._open(exec_id, tty, fifos)

    def become(self, shell: ShellInTheLoop, order: bytes, *, fifos: FifoSet | None = None) -> None:
        if fifos:
            fifos.close()
        self.calls.add(Order(shell, order))

    def open_attach(self, container_id: str, *, tty: bool, timeout: float, fifos: FifoSet | None = None) -> None:
        self._open(container_id, tty, fifos)

    def _open(self, id_: str, tty: bool, fifos: FifoSet | None) -> None:
        if fifos:
            fifos.close()
        self.calls.add(Opening(id_, tty, piped=fifos is not None))

    def waiting(self, sentence: str) -> None:
        self.calls.add(Waiting(sentence))

    def taken(self, request: ResizeWindow | SendSignal) -> None:
        self.requests_taken.add(request)

    def sized(self, number: int) -> None:
        self.sizes_set.add(number)

    def running(self) -> None:
        self.calls.add(Running())

    def stalled(self, *, over: bool) -> None:
        self.calls.add(Stalled(over))

    def exited(self, exited: Exited) -> None:
        self.calls.add(exited)

    def refused(self, refused: Refused) -> None:
        self.calls.add(refused)

    @property
    def ends(self) -> list[Exited | Refused]:
        """What it was told of the end: one word, or none."""
        return [call for call in self.calls.all if isinstance(call, Exited | Refused)]


class ConnectionDesk:
    """A connection's port."""

    def __init__(self) -> None:
        self.failures = Memory()
        self.has_ended = threading.Event()

    def failed(self, refused: Refused) -> None:
        self.failures.add(refused)

    def ended(self) -> None:
        assert not self.has_ended.is_set()
        self.has_ended.set()

    def wait_ended(self) -> None:
        assert self.has_ended.wait(SECONDS)


@dataclass(frozen=True)
class Order:
    """The loop was asked to have a shell that waits become a program."""

    shell: ShellInTheLoop
    text: bytes


class ShellInTheLoop:
    """A shell that waits as far as anybody knows."""

    def __init__(self, exec_id: str, order: OrderFifo, owner: Ref, tty: bool) -> None:
        self.exec_id = exec_id
        self.order = order
        self.owner = owner
        self.tty = tty
        self.dismissed = threading.Event()

    def dismiss(self) -> None:
        self.dismissed.set()

    def become(self, order: bytes, receiver: ProgramReceiver) -> None:
        raise AssertionError("the loop's own")


class ShellDesk:
    """Where shells that wait are opened."""

    def __init__(self) -> None:
        self.opened = Memory()

    def open_shell(
        self, streams: StreamOpener, exec_id: str, order: OrderFifo, owner: Ref, *, tty: bool, timeout: float
    ) -> ShellInTheLoop:
        shell = ShellInTheLoop(exec_id, order, owner, tty)
        self.opened.add(shell)
        return shell

    def wait_opened(self, number: int = 1) -> ShellInTheLoop:
        """Return the `number`-th that was opened; it may still be."""
        return self.opened.wait_for(ShellInTheLoop, number)


@dataclass(frozen=True)
class Alarm:
    """A message that was to come later."""

    seconds: float
    actor: Ref
    message: object


class Timers:
    """Timers that go off when the test says so."""

    def __init__(self) -> None:
        self.alarms = Memory()

    def after(self, seconds: float, actor: Ref, message: object) -> None:
        self.alarms.add(Alarm(seconds, actor, message))

    def ring(self, kind: type, number: int = 1) -> Alarm:
        """Deliver the `number`-th message of that class; it may still be asked for. Return when it was due."""
        alarm: Alarm = self.alarms.wait(lambda alarm: isinstance(alarm.message, kind), number)
        post(alarm.actor, alarm.message)
        return alarm


class LiveTimers(Timers):
    """Timers that go off by themselves, too."""

    def __init__(self) -> None:
        super().__init__()
        self._running: list[threading.Timer] = []

    def after(self, seconds: float, actor: Ref, message: object) -> None:
        super().after(seconds, actor, message)
        timer = threading.Timer(seconds, post, (actor, message))
        timer.daemon = True
        self._running.append(timer)
        timer.start()

    def close(self) -> None:
        for timer in self._running:
            timer.cancel()


class Ledger:
    """A ledger on paper."""

    def __init__(self) -> None:
        self.names: set[str] = set()
        self.claimed: list[str] = []

    def claim(self, name: str) -> None:
        self.names.add(name)
        self.claimed.append(name)

    def release(self, name: str) -> None:
        self.names.discard(name)


class Stage:
    """One house. `told_root` and `told_parent` are what actors said to theirs."""

    def __init__(self) -> None:
        self._threads = threading.enumerate()
        self.engine = FakeEngine()
        self.book = Logbook()
        self.metrics = Metrics()
        self.timers = Timers()
        self.ledger = Ledger()
        self.shells = ShellDesk()
        self.told_root = Memory()
        self.told_parent = Memory()
        self.root: Ref = Witness.start(self.told_root)
        self.parent: Ref = Witness.start(self.told_parent)
        self.watcher = EventWatcher(self.engine, {"sshore.gateway": "stage"}, self.book.log)
        self.watcher.start()
        assert self.watcher.ready.wait(SECONDS)
        self.turns = Turns(self.metrics, limit=2)
        self.house = House(
            self.watcher, self.turns, self.ledger, self.timers, self.metrics, self.root, LABELS, self.shells
        )

    def surroundings(self, *, timeouts: dict[str, Any] | None = None, **execution: Any) -> Surroundings:
        """Return what a connection is given; `execution` is that section of the configuration."""
        section = {"container": {"Image": FAKE_IMAGE}, "host": {"NetworkMode": "none"}, **execution}
        docker = DockerConfig.model_validate({"execution": section, "timeouts": timeouts or {}})
        return Surroundings(self.house, self.engine, docker, self.book.log, LABELS)

    def idle_container(self, user: str = "") -> ContainerReady:
        """Start a container as a connection does, and return what it tells its sessions."""
        body = {"Image": FAKE_IMAGE, "Cmd": ["/bin/sh", "-c", CONTROL_SHELL], "OpenStdin": True, "Labels": LABELS}
        container = self.engine.create_container(ContainerSpec("idle", body), timeout=SECONDS)
        self.engine.start_container(container, timeout=SECONDS)
        return ContainerReady(container, "idle", user)

    def count(self, name: str, **labels: str) -> float:
        """Return a metric's value, 0 if it was never touched."""
        return self.metrics.registry.get_sample_value(name, labels) or 0.0

    def close(self) -> None:
        """Stop everything; nothing may go on."""
        pykka.ActorRegistry.stop_all(timeout=SECONDS)
        self.watcher.stop()
        self.engine.come_back()
        for container in self.engine.containers:
            # One whose switch was let go a moment ago removes itself.
            with suppress(NotFound):
                self.engine.remove_container(container.id, timeout=SECONDS)
        wait_for_none_but(self._threads)
