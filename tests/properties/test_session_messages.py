"""A session's actor, told anything in any order: it is never stuck, and says exactly once how it ended."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from pykka.messages import ProxyGetAttr
from sshore.actors import transitions
from sshore.actors.messages import (
    CauseKnown,
    CauseWanted,
    ChannelClosed,
    ChildEnded,
    ChildFailed,
    ContainerReady,
    ContainerWanted,
    ImageFailed,
    ImageReady,
    OutputEnded,
    RemoveLater,
    RequestPty,
    RunExec,
    RunSubsystem,
    SendSignal,
    StreamFailed,
    StreamOpened,
)
from sshore.actors.primed import ShellLost
from sshore.actors.ref import post
from sshore.actors.refusals import Refused, refuse
from sshore.actors.transitions import State
from sshore.actors.turn_messages import StartOverdue
from sshore.engine.errors import Conflict, EngineError, ServerFault, TimedOut, Unavailable
from sshore.engine.fake.process import FakeProcess
from sshore.engine.turns import Turns
from sshore.metrics.codes import Code
from sshore.metrics.counters import Metrics
from support.acts import PID, Act, ContainerAct, ExecAct
from support.effort import in_time, tries
from support.memory import SECONDS
from support.stage import Opening, Stage

pytestmark = in_time

OPERATIONS = (
    *("container_create", "container_start", "container_inspect", "container_resize", "image_inspect"),
    *("container_kill", "exec_create", "exec_start", "exec_inspect", "exec_resize"),
)
MOST_STEPS_TO_THE_END = 20

words = st.sampled_from(["", "cat", "exit 3", "wait", "sftp", "a\0b", "é\udcff"])
numbers = st.integers(-1, 70_000)
sensible = {
    RunExec: st.builds(RunExec, words),
    RunSubsystem: st.builds(RunSubsystem, words),
    RequestPty: st.builds(RequestPty, st.just("xterm"), numbers, numbers),
    SendSignal: st.builds(SendSignal, st.sampled_from(["KILL", "INT", "USR1", "SIGINT", ""])),
    StreamFailed: st.builds(StreamFailed, st.just(Unavailable("stream", "reset"))),
    StreamOpened: st.builds(StreamOpened, st.sampled_from([PID, None])),
    ContainerReady: st.builds(ContainerReady, st.text(), st.text(), st.text(), st.none()),
    ShellLost: st.builds(ShellLost, st.just("a shell that never was theirs")),
    StartOverdue: st.builds(StartOverdue, st.just(Turns(Metrics(), limit=1).for_start("somebody else", lambda: None))),
    Refused: st.just(refuse(Code.CONTAINER_LOST, "made up")),
}
kinds = sorted({kind for row in transitions._TABLE.values() for kind in row} - {ChannelClosed}, key=str)
messages = st.one_of([sensible.get(kind, st.from_type(kind)) for kind in kinds])


class Told(RuleBasedStateMachine):
    """One session, and a world around it that lies, fails, or does what it should."""

    never: tuple[type, ...] = ()
    """What nobody tells a session of this mode."""

    def __init__(self, make: Callable[[Stage], Act]) -> None:
        super().__init__()
        self.stage = Stage()
        self.act = make(self.stage)
        self.rung = 0
        self.closed = False

    @rule(message=messages)
    def anything(self, message: object) -> None:
        if not isinstance(message, self.never):
            post(self.act.ref, message)

    @rule()
    def close(self) -> None:
        self.closed = True
        post(self.act.ref, ChannelClosed())

    @rule(operation=st.sampled_from(OPERATIONS), error=st.sampled_from([Unavailable, TimedOut, ServerFault, Conflict]))
    def engine_fails(self, operation: str, error: type[EngineError]) -> None:
        self.stage.engine.faults.fail(operation, error)

    @rule(error=st.sampled_from([Unavailable, TimedOut, ServerFault]))
    def removal_fails(self, error: type[EngineError]) -> None:
        self.stage.engine.faults.fail("container_remove", error)

    @rule(lost=st.booleans())
    def events_are_lost(self, lost: bool) -> None:
        self.stage.engine.drop_events(lost)

    @rule()
    def container_is_removed_by_somebody(self) -> None:
        for container in self.stage.engine.containers:
            container.main.signal("KILL")

    @rule()
    def timers_go_off(self) -> None:
        alarms = self.stage.timers.alarms.all
        due, self.rung = alarms[self.rung :], len(alarms)
        for alarm in due:
            post(alarm.actor, alarm.message)

    @rule()
    def go_on(self) -> None:
        """Do what loop, connection and engine do next when all is well; in the end the program is over."""
        step = {
            State.NEW: self._ask,
            State.PREPARING: self._give_container,
            State.OPENING: self._open,
            State.RUNNING: self._end_program,
            State.SILENT: self._end_program,
        }.get(self.state)
        if step:
            step()
            self._answer()

    @invariant()
    def is_responsive_and_says_one_word(self) -> None:
        told_before, state = len(self.act.desk.ends), self.state
        if state is not State.CLOSED:
            assert told_before <= (state is State.OVER) <= len(self.act.desk.ends)
        assert len(self.act.desk.ends) <= 1

    def teardown(self) -> None:
        try:
            self._end_well()
        finally:
            self.stage.close()

    @property
    def state(self) -> State:
        """Where the actor stands once it has handled everything; it answers, whatever it was told, until it ends."""
        if self.closed:
            return State.CLOSED
        state: State = self.act.ref.ask(ProxyGetAttr(("state",)), timeout=SECONDS)
        return state

    def _end_well(self) -> None:
        self.stage.engine.faults.clear()
        for _ in range(MOST_STEPS_TO_THE_END):
            if self.state in (State.OVER, State.CLOSED):
                break
            self.go_on()
            self.timers_go_off()
        assert self.state in (State.OVER, State.CLOSED), "it is stuck"
        self.close()
        # A program that still ran has got HUP and a second.
        self._ring_until_ended()
        self.stage.told_parent.wait_for(ChildEnded)
        assert self.stage.told_parent.of(ChildFailed) == []
        assert len(self.act.desk.ends) == 1
        assert self.stage.count("sshore_sessions_current") == 0
        assert self.stage.book.of("actor_failed") == []
        self._left_nothing()

    def _ring_until_ended(self) -> None:
        deadline = time.monotonic() + SECONDS
        while not self.stage.told_parent.of(ChildEnded) and time.monotonic() < deadline:
            self.timers_go_off()
            time.sleep(0.001)

    def _ask(self) -> None:
        post(self.act.ref, RunExec("cat"))

    def _answer(self) -> None:
        """Answer what the session asked its parent."""

    def _give_container(self) -> None:
        raise NotImplementedError

    def _open(self) -> None:
        raise NotImplementedError

    def _programs(self) -> list[FakeProcess]:
        raise NotImplementedError

    def _left_nothing(self) -> None:
        raise NotImplementedError

    def _end_program(self) -> None:
        for program in self._programs():
            program.signal("KILL")
            assert program.wait_ended(SECONDS)
        post(self.act.ref, OutputEnded())

    def _opened(self) -> set[str]:
        return {opening.id for opening in self.act.desk.calls.of(Opening)}


class ToldExec(Told):
    """A session of connection mode."""

    never = (ImageReady, ImageFailed)

    def __init__(self) -> None:
        super().__init__(ExecAct)
        self.idle = self.stage.idle_container()
        self.answered = 0
        self.begun: dict[str, FakeProcess] = {}

    def _give_container(self) -> None:
        self.stage.told_parent.wait_for(ContainerWanted)
        post(self.act.ref, self.idle)

    def _answer(self) -> None:
        """The container is fine, says the connection, so that the program's end is its own."""
        self.stage.parent.ask("was everything read?", timeout=SECONDS)
        asked = len(self.stage.told_parent.of(CauseWanted))
        for _ in range(asked - self.answered):
            post(self.act.ref, CauseKnown(None))
        self.answered = asked

    def _open(self) -> None:
        self._begin()
        post(self.act.ref, StreamOpened(PID) if self.begun else StreamFailed(Conflict("exec_start", "no container")))

    def _begin(self) -> None:
        """Start the exec, as the loop does that opens its stream."""
        made = {key: one for container in self.stage.engine.containers for key, one in container.execs.items()}
        for key in made.keys() & self._opened() - self.begun.keys():
            if made[key].container.running:
                self.begun[key] = made[key].start()

    def _programs(self) -> list[FakeProcess]:
        self._begin()
        return list(self.begun.values())

    def _left_nothing(self) -> None:
        assert len(self._opened()) <= 1


class ToldContainer(Told):
    """A session of session mode."""

    def __init__(self) -> None:
        super().__init__(ContainerAct)

    def _give_container(self) -> None:
        post(self.act.ref, ImageReady())

    def _open(self) -> None:
        post(self.act.ref, StreamOpened(None))

    def _programs(self) -> list[FakeProcess]:
        return [one.main for one in self.stage.engine.containers if one.running]

    def _left_nothing(self) -> None:
        """Whatever was made is removed, or somebody was told to remove it."""
        self.stage.root.ask("was everything read?", timeout=SECONDS)
        to_remove = {message.name for message in self.stage.told_root.of(RemoveLater)}
        assert {one.name for one in self.stage.engine.containers} <= to_remove
        assert self.stage.ledger.names <= to_remove
        assert self.stage.count("sshore_containers_current") == 0


@pytest.mark.parametrize("machine", [ToldExec, ToldContainer])
def test_a_session_says_one_word_about_its_end_whatever_it_is_told(machine: type[Told]) -> None:
    run_state_machine_as_test(machine, settings=tries(300, stateful_step_count=25))
