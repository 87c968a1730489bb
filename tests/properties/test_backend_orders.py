"""Clients that come, ask and go in any order, at an engine that fails in any: nobody is stuck, nothing is left."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pykka
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sshore.actors.messages import RunExec, RunShell, RunSubsystem
from sshore.actors.refusals import RefusedError
from sshore.backend.connection import ConnectionHandler
from sshore.backend.session import ProgramSession
from sshore.engine.errors import Conflict, EngineError, NotFound, ServerFault, TimedOut, Unavailable
from sshore.engine.fake.containers import FakeImage
from sshore.engine.fake.engine import FAKE_IMAGE, FakeEngine
from support.client import SECONDS, Client, eventually
from support.clocks import HastyLoop, complaints_of
from support.effort import EFFORT, tries
from support.gatehouse import Gatehouse, docker_config

pytestmark = pytest.mark.timeout(120 * EFFORT)

SPEED = 10.0
MOST_CONNECTIONS = 3

OPERATIONS = (
    *("container_create", "container_start", "container_attach", "container_inspect", "container_resize"),
    *("container_kill", "container_remove", "container_list", "exec_create", "exec_start", "exec_inspect"),
    *("exec_resize", "container_rename", "image_inspect", "image_pull", "network_create", "events", "ping"),
)
which = st.integers(0, 20)
errors = st.sampled_from([Unavailable, TimedOut, ServerFault, Conflict, NotFound])
commands = st.sampled_from(
    [
        *(
            "exit 3",
            "cat",
            "yes",
            "wait",
            "echo out; echo err >&2; sleep 1000",
            "read line; echo $line",
            "no-such-thing",
        ),
        *("trap : HUP TERM INT; echo up; wait; wait; sleep 1000", "head -c 300000 /dev/zero", "a\0b"),
    ]
)
acts = st.sampled_from(
    [
        lambda session: session.env("A", "x"),
        lambda session: session.env("", "x"),
        lambda session: session.pty("xterm", 80, 24),
        lambda session: session.window(132, 50),
        lambda session: session.signal("INT"),
        lambda session: session.signal("USR1"),
        lambda session: session.signal("KILL"),
        lambda session: session.write(b"exit 4\n"),
        lambda session: session.write(b"\x03" + b"x" * 70_000),
        lambda session: session.write_eof(),
        lambda session: session.pause_output(),
        lambda session: session.resume_output(),
    ]
)
troubles = st.one_of(
    st.sampled_from(
        [
            FakeEngine.go_away,
            FakeEngine.come_back,
            FakeEngine.lose_connections,
            FakeEngine.drop_events,
            lambda engine: engine.drop_events(False),
            lambda engine: engine.faults.clear(),
        ]
    ),
    st.sampled_from(OPERATIONS).map(lambda operation: lambda engine: engine.faults.hang(operation)),
)
depths = st.integers(0, 3) | st.just(3)
terminals = st.booleans()
Request = RunShell | RunExec | RunSubsystem
requests = st.one_of(st.just(RunShell()), st.builds(RunExec, commands), st.builds(RunSubsystem, st.just("sftp")))
TIMEOUTS = dict.fromkeys(
    ("containerStart", "containerStop", "commandStart", "signal", "window", "http", "imagePull"), "300ms"
)


class Guest:
    """One channel of a connection, and what its client knows."""

    def __init__(self, handler: ConnectionHandler, session: ProgramSession) -> None:
        self.handler = handler
        self.session = session
        self.client = Client()
        self.started = False
        self.closed = False

    def start(self, request: Request) -> None:
        self.session.start(request, self.client)
        self.started = True

    @property
    def waits_for_its_end(self) -> bool:
        """Its program was asked for, and it has neither closed nor been told how that ended."""
        return self.started and not self.closed and not self.client.ends


class Orders(RuleBasedStateMachine):
    """A gateway, up to three clients at a time with any number of channels, and an engine."""

    mode = "connection"
    pool = 0

    def __init__(self) -> None:
        super().__init__()
        self.loop = HastyLoop(SPEED)
        self.complaints = complaints_of(self.loop)
        self.folder = tempfile.TemporaryDirectory(prefix="sshore-orders-")
        self.handlers: list[ConnectionHandler] = []
        self.gone: list[ConnectionHandler] = []
        self.guests: list[Guest] = []
        self.shutting_down: asyncio.Future[None] | None = None
        self._do(self._open_house)

    # Clients.

    @initialize(steps=st.lists(st.tuples(depths, requests, terminals), min_size=1, max_size=2))
    def begin(self, steps: list[tuple[int, Request, bool]]) -> None:
        for depth, request, terminal in steps:
            self.arrive(depth, request, terminal)

    @rule(depth=depths, request=requests, terminal=terminals)
    @precondition(lambda self: len(self.handlers) < MOST_CONNECTIONS and not self.shutting_down)
    def arrive(self, depth: int, request: Request, terminal: bool) -> None:
        """Connect, log in, open a channel, ask for a program: at once, as far as the depth says."""

        def arrived() -> None:
            handler = self.house.connect()
            self.handlers.append(handler)
            if depth > 0:
                handler.handshake_success("alice")
            if depth > 1:
                guest = self._open_channel(handler, 1)
                if terminal:
                    guest.session.pty("xterm", 80, 24)
                if depth > 2:
                    guest.start(request)

        self._do(arrived)

    @rule(number=which, user=st.sampled_from(["alice", "../bob"]))
    @precondition(lambda self: self.handlers)
    def log_in(self, number: int, user: str) -> None:
        self._attempt(lambda: self._handler(number).handshake_success(user))

    @rule(number=which, channel=st.integers(1, 3), request=st.none() | requests)
    @precondition(lambda self: self.handlers)
    def open_channel(self, number: int, channel: int, request: Request | None) -> None:
        def opened() -> None:
            guest = self._open_channel(self._handler(number), channel)
            if request:
                guest.start(request)

        self._attempt(opened)

    @rule(number=which, request=requests)
    @precondition(lambda self: self.guests)
    def start(self, number: int, request: Request) -> None:
        self._attempt(lambda: self._guest(number).start(request))

    @rule(number=which, act=acts)
    @precondition(lambda self: self.guests)
    def use(self, number: int, act: Callable[[ProgramSession], object]) -> None:
        self._attempt(lambda: act(self._guest(number).session))

    @rule(number=which)
    @precondition(lambda self: self.guests)
    def close(self, number: int) -> None:
        guest = self._guest(number)
        guest.closed = True
        self._do(guest.session.close)

    @rule(number=which)
    @precondition(lambda self: self.handlers)
    def disconnect(self, number: int) -> None:
        self._do(lambda: self._leave(self._handler(number)))

    @rule()
    @precondition(lambda self: not self.shutting_down and self.handlers)
    def shut_down(self) -> None:
        """Begin to shut down; clients and engine go on as they like meanwhile."""

        def begun() -> None:
            self.shutting_down = asyncio.ensure_future(self.house.backend.shutdown(SECONDS * SPEED))

        self._do(begun)

    # The engine.

    @rule(operation=st.sampled_from(OPERATIONS), error=errors, answer_lost=st.booleans())
    def engine_fails(self, operation: str, error: type[EngineError], answer_lost: bool) -> None:
        """It fails, and does not lie: what it says is not there is not there."""
        if operation == "container_remove" and error is NotFound:
            return
        carried_out = answer_lost and error in (TimedOut, Unavailable)
        self.engine.faults.fail(operation, error, carried_out=carried_out)

    @rule(trouble=troubles)
    def engine_is_in_trouble(self, trouble: Callable[[FakeEngine], object]) -> None:
        trouble(self.engine)

    @rule(number=which, how=st.sampled_from(["die", "memory", "program"]))
    def something_is_killed(self, number: int, how: str) -> None:
        containers = self.engine.containers
        if not containers:
            return
        container = containers[number % len(containers)]
        programs = [one.process for one in container.execs.values() if one.state.running]
        if how == "program" and programs:
            programs[number % len(programs)].signal("KILL")
        elif how == "memory":
            container.exhaust_memory(programs[0] if programs else container.main)
        else:
            container.kill("KILL")

    @rule(seconds=st.sampled_from([0.001, 0.01, 0.05]))
    def wait(self, seconds: float) -> None:
        self._do(lambda: asyncio.sleep(seconds * SPEED))

    @invariant()
    def nobody_crashed(self) -> None:
        assert self.complaints == []
        assert self.house.book.of("actor_failed") == []

    def teardown(self) -> None:
        try:
            self._do(self._end_well)
            self.nobody_crashed()
        finally:
            self._do(lambda: self.house.backend.shutdown(0.0))
            self.loop.run_until_complete(self.loop.shutdown_default_executor())
            self.loop.close()
            pykka.ActorRegistry.stop_all(block=False)
            self.folder.cleanup()

    async def _end_well(self) -> None:
        """From now on everybody does his part; whatever went wrong before, all of it comes to its end."""
        self.engine.faults.clear()
        self.engine.come_back()
        self.engine.drop_events(False)
        await self._everybody_learns_his_end()
        for handler in self.handlers:
            self._leave(handler)
        for handler in self.gone:
            await asyncio.wait_for(handler.wait_ended(), SECONDS * SPEED)
            assert handler._sessions == {}
        await (self.shutting_down or self.house.backend.shutdown(SECONDS * SPEED))
        await self._nothing_is_left()

    async def _everybody_learns_his_end(self) -> None:
        for guest in self.guests:
            if not guest.closed:
                guest.session.resume_output()
        deadline = asyncio.get_running_loop().time() + SECONDS
        while waiting := [guest for guest in self.guests if guest.waits_for_its_end]:
            assert asyncio.get_running_loop().time() < deadline, f"{len(waiting)} of {len(self.guests)} are stuck"
            self._end_programs()
            await asyncio.sleep(0.1)

    def _end_programs(self) -> None:
        for container in self.engine.containers:
            running = [one.process for one in container.execs.values() if one.state.running]
            for process in running or ([container.main] if self.mode == "session" else []):
                process.signal("KILL")

    async def _nothing_is_left(self) -> None:
        await eventually(lambda: not self.engine.containers, lambda: f"the end of {self.engine.containers}")
        await eventually(lambda: pykka.ActorRegistry.get_all() == [], "the last actor's end")
        await self.house.threads_are_gone()
        for name in ("sessions", "connections", "containers", "actors"):
            assert self.house.count(f"sshore_{name}_current") == 0, name
        assert self.house.book.of("containers_left_to_the_janitor") == []

    async def _open_house(self) -> None:
        execution = {"mode": self.mode, "pool": {"size": self.pool}}
        self.house = Gatehouse(Path(self.folder.name), timeouts=TIMEOUTS, **execution)
        self.engine = self.house.engine
        await self.house.backend.start()

    def _handler(self, number: int) -> ConnectionHandler:
        return self.handlers[number % len(self.handlers)]

    def _guest(self, number: int) -> Guest:
        return self.guests[number % len(self.guests)]

    def _open_channel(self, handler: ConnectionHandler, channel: int) -> Guest:
        guest = Guest(handler, handler.program_session(channel))
        self.guests.append(guest)
        return guest

    def _leave(self, handler: ConnectionHandler) -> None:
        handler.disconnect()
        for guest in self.guests:
            guest.closed = guest.closed or guest.handler is handler
        self.handlers = [one for one in self.handlers if one is not handler]
        self.gone.append(handler)

    def _attempt(self, request: Callable[[], object]) -> None:
        def attempted() -> None:
            with contextlib.suppress(RefusedError):
                request()

        self._do(attempted)

    def _do(self, step: Callable[[], Any]) -> None:
        """Take a step in the loop, and a turn of the loop behind it."""

        async def taken() -> None:
            awaitable = step()
            if isinstance(awaitable, Awaitable):
                await awaitable
            await asyncio.sleep(0)

        self.loop.run_until_complete(taken())


class OrdersOfSessions(Orders):
    """The same with a container for every session."""

    mode = "session"


class OrdersOfPools(Orders):
    """The same with containers that wait."""

    pool = 2

    @rule(build=st.sampled_from(["1", "2"]))
    def image_changes(self, build: str) -> None:
        self.engine.images[FAKE_IMAGE] = FakeImage(build=build)

    @rule(memory=st.sampled_from([1 << 26, 1 << 27]), size=st.sampled_from([0, 1, 3]))
    @precondition(lambda self: not self.shutting_down)
    def configuration_changes(self, memory: int, size: int) -> None:
        host = {"NetworkMode": "none", "Memory": memory}
        config = docker_config(host=host, pool={"size": size}, timeouts=TIMEOUTS)
        self._do(lambda: self.house.backend.configure(config))

    @invariant()
    def nobody_gets_what_another_had(self) -> None:
        handed_out = [line["pooled"] for line in self.house.book.of("container_taken")]
        assert len(set(handed_out)) == len(handed_out)

    async def _nothing_is_left(self) -> None:
        await super()._nothing_is_left()
        assert self.house.count("sshore_pool_waiting") == 0


@pytest.mark.parametrize("machine", [Orders, OrdersOfSessions, OrdersOfPools])
def test_whatever_clients_and_the_engine_do_everybody_learns_his_end_and_nothing_is_left(machine: type[Orders]) -> None:
    run_state_machine_as_test(machine, settings=tries(25, stateful_step_count=30))
