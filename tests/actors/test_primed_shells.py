"""Shells that wait: when they are started, who gets them, and what follows when one is lost."""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from sshore.actors.connection import ConnectionActor
from sshore.actors.messages import (
    Authenticated,
    ChildStarted,
    ContainerReady,
    ContainerWanted,
    Disconnected,
    Exited,
    FirstOutput,
    RequestPty,
    RunExec,
    SetEnv,
    StreamOpened,
)
from sshore.actors.primed import ProgramSpoke, ShellLost, ShellPrimed
from sshore.actors.primed_shells import PrimedShells
from sshore.actors.priming import PAUSE, QUIET, Priming, PrimingDue
from sshore.actors.ref import Ref, post
from sshore.actors.refusals import Refused, refuse
from sshore.engine.errors import Conflict, Unavailable
from sshore.engine.pipes.sharing import ContainerPipes, Sharing
from sshore.engine.types import ContainerDied, ProgramEnded
from sshore.metrics.codes import Code
from support.acts import PID, ExecAct
from support.memory import SECONDS, Memory
from support.stage import Alarm, ConnectionDesk, Opening, Order, Running, ShellInTheLoop, Stage, Witness


@pytest.fixture
def sharing(stage: Stage, tmp_path: Path) -> Sharing:
    """The gateway's directory, which the stage's connections have."""
    made = Sharing(tmp_path / "pipes", "machine", "me", lambda cause: None)
    stage.house = replace(stage.house, sharing=made)
    return made


@pytest.fixture
def pipes(sharing: Sharing) -> ContainerPipes:
    made = sharing.for_container("box", must=False)
    assert made
    return made


@pytest.fixture
def shells(stage: Stage, pipes: ContainerPipes) -> PrimedShells:
    """Those of a container, kept by the stage's witness."""
    ready = stage.idle_container()
    return PrimedShells(stage.surroundings(), stage.parent, ready.container_id, "1000", pipes)


def test_they_are_started_one_behind_the_other(stage: Stage, shells: PrimedShells) -> None:
    shells.prime()
    shells.prime()
    assert [shell.tty for shell in stage.shells.opened.all] == [False]
    shells.primed(ShellPrimed(stage.shells.wait_opened()))
    shells.prime()
    shells.primed(ShellPrimed(stage.shells.wait_opened(2)))
    shells.prime()
    assert [shell.tty for shell in stage.shells.opened.all] == [False, True]
    [container] = stage.engine.containers
    specs = [made.spec for made in container.execs.values()]
    assert [(spec.user, spec.tty) for spec in specs] == [("1000", False), ("1000", True)]
    assert specs[0].argv[4] == stage.shells.wait_opened().order.path


def test_who_asks_gets_one_that_waits_or_the_one_on_its_way(stage: Stage, shells: PrimedShells) -> None:
    got: list[object] = []
    shells.take(False, got.append)
    shells.prime()
    shells.take(False, got.append)
    shells.take(False, got.append)
    assert got == [None, None]
    shells.primed(ShellPrimed(stage.shells.wait_opened()))
    assert got == [None, None, stage.shells.wait_opened()]
    assert len(stage.shells.opened.all) == 1
    shells.prime()
    shells.primed(ShellPrimed(stage.shells.wait_opened(2)))
    shells.take(False, got.append)
    assert got[3:] == [stage.shells.wait_opened(2)]


def test_one_that_never_waited_is_not_tried_again(stage: Stage, shells: PrimedShells) -> None:
    got: list[object] = []
    shells.prime()
    shells.take(False, got.append)
    shells.lost(ShellLost(stage.shells.wait_opened()))
    assert got == [None]
    shells.prime()
    assert [shell.tty for shell in stage.shells.opened.all] == [False]


def test_one_that_was_killed_while_it_waited_is_replaced(stage: Stage, shells: PrimedShells) -> None:
    shells.prime()
    shells.primed(ShellPrimed(stage.shells.wait_opened()))
    shells.lost(ShellLost(stage.shells.wait_opened()))
    got: list[object] = []
    shells.take(False, got.append)
    shells.prime()
    assert got == [None]
    assert [shell.tty for shell in stage.shells.opened.all] == [False, False]


def test_an_exec_that_cannot_be_created_leaves_plain_execs(stage: Stage, shells: PrimedShells) -> None:
    stage.engine.faults.fail("exec_create", Conflict, times=2)
    shells.prime()
    shells.prime()
    shells.prime()
    assert stage.shells.opened.all == []
    assert stage.engine.faults.calls("exec_create") == 2


def test_without_a_shared_directory_there_are_none(stage: Stage, shells: PrimedShells, sharing: Sharing) -> None:
    sharing.give_up("another host's")
    shells.prime()
    assert stage.engine.faults.calls("exec_create") == 0


def test_they_can_be_handed_on_with_their_container(stage: Stage, shells: PrimedShells) -> None:
    shells.prime()
    heir = Witness.start(Memory())
    shells.move_to(heir, stage.surroundings())
    shells.primed(ShellPrimed(stage.shells.wait_opened()))
    shells.prime()
    assert [shell.owner for shell in stage.shells.opened.all] == [heir, heir]
    shells.close()
    assert all(shell.dismissed.is_set() for shell in stage.shells.opened.all)


# A connection.


def login(stage: Stage, **execution: object) -> tuple[Ref, ConnectionDesk]:
    desk = ConnectionDesk()
    connection: Ref = ConnectionActor.start(stage.surroundings(**execution), desk, "c0ffee", "192.0.2.1:2222")
    post(connection, Authenticated("alice"))
    return connection, desk


def wanted(connection: Ref, terminal: bool | None) -> ContainerReady:
    told = Memory()
    child = Witness.start(told)
    post(connection, ChildStarted(child))
    post(connection, ContainerWanted(child, terminal))
    ready: ContainerReady = told.wait_for(ContainerReady)
    return ready


class Clock:
    """The time that a connection goes by when it starts its shells: it stands still."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    for module in ("alarm", "priming"):
        monkeypatch.setattr(f"sshore.actors.{module}.time", made)
    return made


@pytest.mark.usefixtures("sharing")
def test_a_connection_starts_none_before_it_is_quiet(stage: Stage, clock: Clock) -> None:
    connection, _ = login(stage)
    assert wanted(connection, False).shell is None
    post(connection, ProgramSpoke())
    assert wanted(connection, False).shell is None
    clock.now += PAUSE
    stage.timers.ring(PrimingDue, 2)
    assert wanted(connection, False).shell is None
    assert stage.shells.opened.all == []

    clock.now += QUIET
    stage.timers.ring(PrimingDue, 3)
    shell = stage.shells.wait_opened()
    post(connection, ShellPrimed(shell))
    assert wanted(connection, None).shell is None
    assert wanted(connection, False).shell is shell
    post(connection, Disconnected())


@pytest.mark.usefixtures("sharing")
@pytest.mark.parametrize("end", [Disconnected(), ContainerDied(137, oom=False)], ids=["its end", "its container's"])
def test_a_connection_starts_none_behind_its_end(stage: Stage, clock: Clock, end: object) -> None:
    connection, _ = login(stage)
    wanted(connection, False)
    clock.now += QUIET
    stage.timers.ring(PrimingDue)
    shell = stage.shells.wait_opened()
    post(connection, end)
    post(connection, ShellPrimed(shell))
    post(connection, ProgramSpoke())
    clock.now += PAUSE
    stage.timers.ring(PrimingDue, 2)
    connection.proxy().children.get(timeout=SECONDS)
    assert stage.shells.opened.all == [shell]


class Missing:
    """Shells that are all missing: how often the next was to be started."""

    def __init__(self) -> None:
        self.started = 0

    def prime(self) -> None:
        self.started += 1


@dataclass
class Pace:
    """A `Priming` and its alarms."""

    stage: Stage
    clock: Clock
    priming: Priming
    missing: Missing

    @property
    def alarms(self) -> list[Alarm]:
        return self.stage.timers.alarms.all

    def ring(self, alarm: Alarm) -> None:
        if self.priming.is_due(alarm.message.moment):
            self.priming.prime(self.missing)


@pytest.fixture
def pace(stage: Stage, clock: Clock) -> Pace:
    """That of a connection that has been quiet for long."""
    made = Pace(stage, clock, Priming(stage.parent, stage.surroundings()), Missing())
    made.priming.container_ready()
    clock.now += QUIET
    made.ring(made.alarms[-1])
    assert made.missing.started == 1
    return made


def test_the_next_is_started_a_moment_behind_a_program_and_not_while_another_begins(clock: Clock, pace: Pace) -> None:
    pace.priming.program_spoke()
    clock.now += PAUSE - 0.001
    pace.priming.program_asked()
    clock.now += 0.001
    pace.ring(pace.alarms[-1])
    assert pace.missing.started == 1
    assert pace.alarms[-1].seconds == pytest.approx(PAUSE - 0.001)
    clock.now += PAUSE
    pace.ring(pace.alarms[-1])
    assert pace.missing.started == 2


def test_however_many_programs_come_and_go_there_is_one_alarm(clock: Clock, pace: Pace) -> None:
    before = len(pace.alarms)
    for _ in range(100):
        pace.priming.program_asked()
        pace.priming.shell_given()
        pace.priming.program_spoke()
        clock.now += PAUSE / 200
    # The first of a program's two is the later one, and is overtaken.
    [stale, alarm] = pace.alarms[before:]
    clock.now += QUIET
    for one in (stale, alarm, alarm):
        pace.ring(one)
    assert pace.missing.started == 2


@pytest.mark.usefixtures("sharing")
def test_a_connection_starts_none_while_others_wait_for_their_containers(stage: Stage, clock: Clock) -> None:
    connection, _ = login(stage)
    wanted(connection, False)
    starts = [stage.turns.for_start(user, lambda: None) for user in ("bob", "carol", "dave")]
    clock.now += QUIET
    stage.timers.ring(PrimingDue)
    stage.timers.alarms.wait(lambda alarm: isinstance(alarm.message, PrimingDue), 2)
    assert stage.shells.opened.all == []
    starts[2].give_back()
    clock.now += QUIET
    stage.timers.ring(PrimingDue, 2)
    assert not stage.shells.wait_opened().tty
    for turn in starts:
        turn.give_back()


@pytest.mark.usefixtures("sharing")
def test_a_connection_that_ends_lets_its_shells_go(stage: Stage, clock: Clock) -> None:
    connection, desk = login(stage, pipes="off")
    ready = wanted(connection, False)
    assert ready.pipes is None
    clock.now += QUIET
    stage.timers.ring(PrimingDue)
    shell = stage.shells.wait_opened()
    connection.stop(block=False)
    desk.wait_ended()
    assert shell.dismissed.wait(SECONDS)


@pytest.mark.usefixtures("sharing")
def test_a_connection_without_them_never_starts_one(stage: Stage) -> None:
    connection, _ = login(stage, primed=False)
    wanted(connection, False)
    post(connection, ProgramSpoke())
    connection.proxy().children.get(timeout=SECONDS)
    assert stage.shells.opened.all == []


# A session.


def asking(stage: Stage, pipes: ContainerPipes, *requests: object) -> tuple[ExecAct, ShellInTheLoop]:
    """Let a session ask for a shell; return it, and one that would do."""
    act = ExecAct(stage)
    act.tell(*requests, RunExec("make"))
    asked = stage.told_parent.wait_for(ContainerWanted)
    assert asked.terminal is any(isinstance(request, RequestPty) for request in requests)
    order = pipes.make_order("")
    assert order
    return act, ShellInTheLoop("an exec", order, stage.parent, asked.terminal)


def become(stage: Stage, pipes: ContainerPipes, *, pty: RequestPty | None = None) -> tuple[ExecAct, Order]:
    """Let a session have a shell that waits; return the order that it gives."""
    act, shell = asking(stage, pipes, *([pty] if pty else []), SetEnv("FOO", "it's"))
    act.tell(replace(stage.idle_container(), shell=shell))
    told: Order = act.desk.calls.wait_for(Order)
    assert told.shell is shell
    return act, told


def test_its_order_is_what_a_plain_exec_would_be(stage: Stage, pipes: ContainerPipes) -> None:
    act, order = become(stage, pipes)
    variables, program, _ = order.text.decode().rsplit("\nset -- ", 1)[0], order.text, None
    assert variables == "export FOO='it'\\''s' 2>/dev/null"
    assert b"'command' 'make'" in program
    act.tell(StreamOpened(PID), FirstOutput())
    act.desk.calls.wait_for(Running)
    stage.told_parent.wait_for(ProgramSpoke)
    assert stage.count("sshore_programs_primed_total") == 1
    stage.engine._events.publish({"sshore.gateway": "stage"}, "an exec", ProgramEnded(7))
    assert act.desk.calls.wait_for(Exited) == Exited(7)


def test_a_shell_that_is_lost_is_followed_by_a_plain_exec(stage: Stage, pipes: ContainerPipes) -> None:
    act, order = become(stage, pipes)
    stage.engine._events.publish({"sshore.gateway": "stage"}, "an exec", ProgramEnded(137))
    act.tell(ShellLost(order.shell))
    made = act.exec()
    assert made.spec.env == ("FOO=it's",)
    assert made.spec.argv[-2:] == ("command", "make")
    act.tell(StreamOpened(PID), ShellLost(order.shell))
    act.desk.calls.wait_for(Running)
    made.start()
    assert act.desk.calls.wait_for(Exited).status != 137
    assert stage.count("sshore_programs_primed_total") == 0


def test_the_size_is_told_in_front_of_the_order_where_the_engine_sets_it(stage: Stage, pipes: ContainerPipes) -> None:
    stage.engine.sizes_terminals = True
    _, order = become(stage, pipes, pty=RequestPty("xterm", 101, 33))
    assert stage.engine.faults.calls("exec_resize") == 1
    assert b"cols" not in order.text.partition(b"set -- ")[2]


@pytest.mark.parametrize("entry", [("PS1", "x"), ("A-B", "x")])
def test_what_an_order_cannot_carry_is_not_asked_for_it(stage: Stage, entry: tuple[str, str]) -> None:
    act = ExecAct(stage)
    act.tell(SetEnv(*entry), RunExec("true"))
    assert stage.told_parent.wait_for(ContainerWanted).terminal is None


def test_a_plain_exec_in_its_place_that_cannot_be_had_is_refused_as_ever(stage: Stage, pipes: ContainerPipes) -> None:
    act, order = become(stage, pipes)
    stage.engine.faults.fail("exec_create", Unavailable)
    act.tell(ShellLost(order.shell))
    assert act.desk.calls.wait_for(Refused).code is Code.ENGINE_UNAVAILABLE
    assert stage.book.of("actor_failed") == []


def test_a_shell_that_gets_no_order_is_let_go(
    stage: Stage, pipes: ContainerPipes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_descriptor(*_: object) -> None:
        raise OSError(errno.EMFILE, "no descriptor left")

    pipes.must = True
    act, shell = asking(stage, pipes)
    monkeypatch.setattr(os, "mkfifo", no_descriptor)
    act.tell(replace(stage.idle_container(), pipes=pipes, shell=shell))
    assert act.desk.calls.wait_for(Refused).code is Code.PROGRAM_START_FAILED
    act.leave()
    assert shell.dismissed.wait(SECONDS)


def test_a_session_that_is_over_lets_the_shell_go_that_comes_too_late(stage: Stage, pipes: ContainerPipes) -> None:
    act, shell = asking(stage, pipes)
    act.tell(refuse(Code.CONTAINER_LOST, "it is lost"), replace(stage.idle_container(), shell=shell))
    assert shell.dismissed.wait(SECONDS)
    assert act.desk.calls.of(Opening) == []


@pytest.mark.usefixtures("sharing")
def test_a_session_that_has_gone_leaves_no_shell_behind(stage: Stage, clock: Clock) -> None:
    connection, _ = login(stage)
    assert wanted(connection, False).shell is None
    clock.now += QUIET
    stage.timers.ring(PrimingDue)
    shell = stage.shells.wait_opened()
    gone = Witness.start(Memory())
    post(connection, ChildStarted(gone))
    post(connection, ContainerWanted(gone, False))
    gone.stop()
    post(connection, ShellPrimed(shell))
    assert shell.dismissed.wait(SECONDS)
