"""Who owns a container waits for his turn at the engine, and nobody waits for him when he is gone."""

from __future__ import annotations

import pytest
from sshore.actors.connection import ConnectionActor
from sshore.actors.messages import (
    Authenticated,
    ChannelClosed,
    ChildEnded,
    ChildStarted,
    ContainerReady,
    ContainerWanted,
    Disconnected,
    HangupOver,
    RunExec,
    StreamFailed,
    StreamOpened,
)
from sshore.actors.pool_messages import Look
from sshore.actors.ref import Ref, post
from sshore.actors.refusals import Refused
from sshore.actors.transitions import State
from sshore.actors.turn_messages import RemovalTurn, StartOverdue, StartTurn
from sshore.engine.errors import EngineError, ServerFault
from sshore.engine.turns import LONGEST_DELAY, Turn
from support.acts import ContainerAct
from support.gateway import wait_until
from support.memory import SECONDS, Memory
from support.pond import Pond
from support.stage import ConnectionDesk, Opening, Running, Stage, Witness


class Bug(BaseException):
    """What no engine call raises."""


class Link:
    """A connection that has logged in, and its one session."""

    def __init__(self, stage: Stage, user: str = "alice") -> None:
        self.desk = ConnectionDesk()
        self.ref: Ref = ConnectionActor.start(stage.surroundings(), self.desk, "c0ffee", "192.0.2.1:2222")
        self.told = Memory()
        self.session = Witness.start(self.told)
        self.tell(ChildStarted(self.session), Authenticated(user), ContainerWanted(self.session))

    def tell(self, *messages: object) -> None:
        for message in messages:
            assert post(self.ref, message)

    def leave(self) -> None:
        self.tell(Disconnected(), ChildEnded(self.session))

    def settle(self) -> None:
        self.ref.proxy().children.get(timeout=SECONDS)


def take(stage: Stage, user: str = "somebody") -> Turn:
    """Take a turn to start; the stage has two."""
    turn = stage.turns.for_start(user, lambda: None)
    assert turn.at_once
    return turn


def take_all(stage: Stage) -> Turn:
    take(stage)
    return take(stage)


def can_start(stage: Stage) -> bool:
    """Whether somebody could start a container now."""
    turn = stage.turns.for_start("a newcomer", lambda: None)
    turn.give_back()
    return turn.at_once


def until_waiting(stage: Stage, work: str, count: int = 1) -> None:
    wait_until(lambda: stage.count("sshore_turns_waiting", work=work) == count)


def test_a_container_is_created_when_its_turn_has_come(stage: Stage) -> None:
    turn = take_all(stage)
    link = Link(stage)
    until_waiting(stage, "start")
    link.settle()
    assert stage.ledger.claimed == []
    turn.give_back()
    link.told.wait_for(ContainerReady)
    assert can_start(stage)


def test_a_disconnect_leaves_the_line_at_once_though_a_session_stays(stage: Stage) -> None:
    turn = take_all(stage)
    link = Link(stage)
    until_waiting(stage, "start")
    link.tell(Disconnected())
    until_waiting(stage, "start", 0)
    turn.give_back()
    assert can_start(stage)
    link.tell(StartTurn(), ChildEnded(link.session))
    link.desk.wait_ended()
    assert stage.ledger.claimed == []


def test_waiting_for_a_turn_takes_no_longer_than_the_call_may(stage: Stage) -> None:
    turn = take_all(stage)
    link = Link(stage)
    alarm = stage.timers.ring(StartOverdue)
    assert alarm.seconds == stage.surroundings().docker.timeouts.container_start
    assert link.told.wait_for(Refused).code == "ENGINE_TIMED_OUT"
    turn.give_back()
    assert can_start(stage)
    link.leave()
    link.desk.wait_ended()
    assert stage.ledger.claimed == []


def test_a_turn_that_comes_when_it_was_given_up_is_nobodys(stage: Stage) -> None:
    take_all(stage)
    link = Link(stage)
    stage.timers.ring(StartOverdue)
    link.told.wait_for(Refused)
    link.tell(StartTurn())
    link.settle()
    assert stage.engine.containers == []


def test_a_turn_that_came_when_another_was_asked_for_starts_nothing(stage: Stage) -> None:
    user = take(stage)
    pool = Pond(stage, 1)
    overdue = pool.timers.alarms.wait(lambda alarm: isinstance(alarm.message, StartOverdue))
    release = stage.engine.faults.hang("container_list")
    post(pool.filling, Look())
    post(pool.filling, overdue.message)
    user.give_back()
    # The fill's turn has come behind the alarm, and users hold all others.
    until_waiting(stage, "fill", 0)
    turn = take_all(stage)
    release()
    until_waiting(stage, "start")
    pool.filling.proxy().turn.get(timeout=SECONDS)
    assert stage.engine.containers == []
    turn.give_back()
    pool.until_filled(1)
    pool.close()


def test_an_alarm_behind_the_start_does_no_harm(stage: Stage) -> None:
    turn = take_all(stage)
    link = Link(stage)
    until_waiting(stage, "start")
    turn.give_back()
    link.told.wait_for(ContainerReady)
    stage.timers.ring(StartOverdue)
    link.settle()
    assert len(stage.engine.containers) == 1
    assert link.told.of(Refused) == []


@pytest.mark.parametrize("operation", ["container_create", "container_attach", "container_start"])
@pytest.mark.parametrize("failure", [ServerFault, Bug])
def test_a_start_that_fails_or_crashes_gives_its_turn_back(
    stage: Stage, operation: str, failure: type[EngineError] | type[Bug]
) -> None:
    take(stage)
    stage.engine.faults.fail(operation, failure)
    link = Link(stage)
    if failure is Bug:
        link.desk.wait_ended()
    else:
        link.told.wait_for(Refused)
    assert can_start(stage)


def test_an_engine_that_hangs_holds_the_turns_no_longer_than_its_calls(stage: Stage) -> None:
    release = stage.engine.faults.hang("container_start")
    first, second = Link(stage, "alice"), Link(stage, "bob")
    wait_until(lambda: stage.engine.faults.calls("container_start") == 2)
    third = Link(stage, "carol")
    until_waiting(stage, "start")
    assert len(stage.ledger.claimed) == 2
    third.leave()
    third.desk.wait_ended()
    release()
    for link in (first, second):
        link.told.wait_for(ContainerReady)
    assert can_start(stage)


def test_a_removal_gives_way_and_comes_with_its_turn(stage: Stage) -> None:
    link = Link(stage)
    link.told.wait_for(ContainerReady)
    turn = take(stage)
    link.leave()
    until_waiting(stage, "removal")
    link.settle()
    assert not link.desk.has_ended.is_set()
    [container] = stage.engine.containers
    assert container.running
    turn.give_back()
    link.desk.wait_ended()
    assert stage.engine.containers == []
    assert stage.ledger.names == set()


def test_a_removal_gives_way_for_a_limited_time(stage: Stage) -> None:
    link = Link(stage)
    link.told.wait_for(ContainerReady)
    take(stage)
    link.leave()
    assert stage.timers.ring(RemovalTurn).seconds == LONGEST_DELAY
    link.desk.wait_ended()
    assert stage.engine.containers == []
    assert stage.count("sshore_turns_waiting", work="removal") == 0


def test_the_second_of_a_hang_up_does_not_push_a_removal_that_waits(stage: Stage) -> None:
    link = Link(stage)
    link.told.wait_for(ContainerReady)
    take(stage)
    link.leave()
    until_waiting(stage, "removal")
    stage.timers.ring(HangupOver)
    link.settle()
    assert len(stage.engine.containers) == 1


def test_programs_that_resist_their_hang_up_do_not_wait_for_a_turn(stage: Stage) -> None:
    link = Link(stage)
    link.told.wait_for(ContainerReady)
    take(stage)
    link.tell(Disconnected())
    stage.timers.ring(HangupOver)
    link.settle()
    assert stage.engine.containers == []
    link.tell(ChildEnded(link.session))
    link.desk.wait_ended()


def test_a_connection_that_is_stopped_waits_for_nobody(stage: Stage) -> None:
    link = Link(stage)
    link.told.wait_for(ContainerReady)
    take(stage)
    link.leave()
    until_waiting(stage, "removal")
    link.ref.stop(block=False)
    link.desk.wait_ended()
    assert stage.engine.containers == []
    assert stage.count("sshore_turns_waiting", work="removal") == 0


def test_at_shutdown_nobody_gives_way(stage: Stage) -> None:
    link = Link(stage)
    link.told.wait_for(ContainerReady)
    take(stage)
    link.leave()
    until_waiting(stage, "removal")
    stage.turns.hurry()
    link.desk.wait_ended()
    assert stage.engine.containers == []


def test_a_container_of_a_session_waits_for_its_turn_and_keeps_it_until_it_runs(stage: Stage) -> None:
    turn = take_all(stage)
    act = ContainerAct(stage)
    act.tell(RunExec("cat"))
    until_waiting(stage, "start")
    act.settle()
    assert stage.ledger.claimed == []
    turn.give_back()
    act.desk.calls.wait_for(Opening)
    assert not can_start(stage)
    act.tell(StreamOpened(None))
    act.desk.calls.wait_for(Running)
    act.settle()
    assert can_start(stage)


@pytest.mark.parametrize("end", [StreamFailed(RuntimeError("gone")), ChannelClosed()])
def test_a_session_that_ends_before_its_container_runs_gives_its_turn_back(stage: Stage, end: object) -> None:
    take(stage)
    act = ContainerAct(stage)
    act.tell(RunExec("cat"))
    act.desk.calls.wait_for(Opening)
    assert not can_start(stage)
    act.tell(end)
    wait_until(lambda: can_start(stage))


def test_a_session_whose_channel_closes_leaves_the_line(stage: Stage) -> None:
    take_all(stage)
    act = ContainerAct(stage)
    act.tell(RunExec("cat"))
    until_waiting(stage, "start")
    act.leave()
    until_waiting(stage, "start", 0)
    stage.told_parent.wait_for(ChildEnded)
    assert stage.ledger.claimed == []


def test_a_session_whose_turn_does_not_come_is_refused(stage: Stage) -> None:
    take_all(stage)
    act = ContainerAct(stage)
    act.tell(RunExec("cat"))
    stage.timers.ring(StartOverdue)
    assert act.desk.calls.wait_for(Refused).code == "ENGINE_TIMED_OUT"
    assert act.state is State.OVER
    assert stage.count("sshore_turns_waiting", work="start") == 0
