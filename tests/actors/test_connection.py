"""A connection: its container in connection mode, its sessions in both."""

from __future__ import annotations

from typing import Any

import pytest
from sshore.actors.connection import ConnectionActor
from sshore.actors.messages import (
    Authenticated,
    CauseKnown,
    CauseOverdue,
    CauseWanted,
    ChannelClosed,
    ChildEnded,
    ChildFailed,
    ChildStarted,
    ContainerLost,
    ContainerReady,
    ContainerWanted,
    ControlLine,
    Disconnected,
    ImageFailed,
    ImageReady,
    ImageWanted,
    RemoveLater,
)
from sshore.actors.ref import Ref, post
from sshore.actors.refusals import Refused, refuse
from sshore.engine.control_shell import CONTROL_SHELL
from sshore.engine.errors import EngineError, NotFound, ServerFault, TimedOut, Unavailable
from sshore.engine.errors import Refused as EngineRefused
from sshore.engine.fake.containers import FakeContainer, FakeImage
from sshore.engine.fake.engine import FAKE_IMAGE
from sshore.engine.types import ContainerDied, ContainerKilled, EventsLost, MemoryExhausted
from sshore.metrics.codes import Code
from support.memory import SECONDS, Memory
from support.stage import ConnectionDesk, Stage, Witness

ABSENT = "registry.example/absent:1"


class Link:
    """A connection on the stage. Its sessions are witnesses."""

    def __init__(self, stage: Stage, *, timeouts: dict[str, Any] | None = None, **execution: Any) -> None:
        self.stage = stage
        self.desk = ConnectionDesk()
        surroundings = stage.surroundings(timeouts=timeouts, **execution)
        self.ref: Ref = ConnectionActor.start(surroundings, self.desk, "c0ffee", "192.0.2.1:2222")

    def session(self) -> tuple[Ref, Memory]:
        """Have a child."""
        told = Memory()
        child = Witness.start(told)
        self.tell(ChildStarted(child))
        return child, told

    def tell(self, *messages: object) -> None:
        for message in messages:
            assert post(self.ref, message)

    def want(self) -> ContainerReady | Refused:
        """Ask for the container as a session does; return the answer."""
        child, told = self.session()
        self.tell(ContainerWanted(child))
        answer: ContainerReady | Refused = told.wait(lambda word: isinstance(word, ContainerReady | Refused))
        return answer

    def ready(self) -> FakeContainer:
        """Log in and wait for the container."""
        self.tell(Authenticated("alice"))
        assert isinstance(self.want(), ContainerReady)
        [container] = self.stage.engine.containers
        return container

    def settle(self) -> None:
        self.ref.proxy().children.get(timeout=SECONDS)


def test_a_login_gets_a_container_before_any_session_asks(stage: Stage) -> None:
    link = Link(stage)
    link.tell(Authenticated("alice"))
    stage.book.wait_for("container_started")
    [container] = stage.engine.containers
    assert container.running
    assert stage.ledger.claimed == [container.name]
    assert container.name.startswith("sshore-alice-")
    config = container.spec.config
    assert (config["Entrypoint"], config["Cmd"], config["User"]) == ([], ["/bin/sh", "-c", CONTROL_SHELL], "0")
    assert (config["OpenStdin"], config["StdinOnce"], config["Tty"]) == (True, True, False)
    assert (config["HostConfig"]["AutoRemove"], config["HostConfig"]["Init"]) == (True, True)
    assert config["HostConfig"]["LogConfig"] == {"Type": "none"}
    assert container.labels["sshore.user"] == "alice"
    assert stage.count("sshore_containers_current") == 1


def test_all_sessions_get_the_same_container_whenever_they_ask(stage: Stage) -> None:
    link = Link(stage, container={"Image": FAKE_IMAGE, "User": "1000"})
    release = stage.engine.faults.hang("container_start")
    early, told = link.session()
    link.tell(Authenticated("alice"), ContainerWanted(early))
    release()
    first = told.wait_for(ContainerReady)
    assert link.want() == first == ContainerReady(stage.engine.containers[0].id, first.name, "1000")
    assert len(stage.engine.containers) == 1


def test_the_images_user_counts_where_none_is_configured(stage: Stage) -> None:
    stage.engine.images[FAKE_IMAGE] = FakeImage(user="developer")
    link = Link(stage)
    link.ready()
    answer = link.want()
    assert isinstance(answer, ContainerReady)
    assert answer.user == "developer"


def test_in_session_mode_a_connection_has_no_container(stage: Stage) -> None:
    link = Link(stage, mode="session")
    link.tell(Authenticated("alice"))
    link.settle()
    assert stage.engine.containers == []
    link.tell(Disconnected())
    link.desk.wait_ended()


def test_a_disconnect_takes_everything_along(stage: Stage) -> None:
    link = Link(stage)
    link.ready()
    child, told = link.session()
    link.tell(Disconnected())
    told.wait_for(ChannelClosed)
    first = next(iter(link.ref.proxy().children.get(timeout=SECONDS) - {child}))
    assert not link.desk.has_ended.is_set()
    link.tell(ChildEnded(child), ChildEnded(first))
    link.desk.wait_ended()
    assert stage.engine.containers == []
    assert stage.ledger.names == set()
    assert stage.told_root.wait_for(ChildEnded).child == link.ref
    assert stage.count("sshore_containers_current") == 0
    assert link.desk.failures.all == []


def test_a_disconnect_before_the_login_ends_at_once(stage: Stage) -> None:
    link = Link(stage)
    link.tell(Disconnected())
    link.desk.wait_ended()
    stage.told_root.wait_for(ChildEnded)


def test_a_login_behind_the_disconnect_makes_no_container(stage: Stage) -> None:
    link = Link(stage)
    child, _ = link.session()
    link.tell(Disconnected(), Authenticated("alice"), ChildEnded(child))
    link.desk.wait_ended()
    assert stage.ledger.claimed == []


def test_a_session_that_comes_behind_the_disconnect_is_sent_away(stage: Stage) -> None:
    link = Link(stage)
    keeps_it_open, _ = link.session()
    link.tell(Disconnected())
    late, told = link.session()
    told.wait_for(ChannelClosed)
    link.tell(ContainerWanted(late))
    assert told.wait_for(Refused).code == "CONNECTION_ENDING"
    link.tell(ChildEnded(late), ChildEnded(keeps_it_open))
    link.desk.wait_ended()


def test_a_disconnect_during_the_pull_does_not_wait_for_it(stage: Stage) -> None:
    link = Link(stage, container={"Image": ABSENT})
    child, told = link.session()
    link.tell(Authenticated("alice"), ContainerWanted(child))
    stage.told_root.wait_for(ImageWanted)
    link.tell(Disconnected())
    assert told.wait_for(Refused).code == "CONNECTION_ENDING"
    stage.engine.images[ABSENT] = FakeImage()
    link.tell(ImageReady(), ChildEnded(child))
    link.desk.wait_ended()
    assert stage.ledger.claimed == []


@pytest.mark.parametrize("word", [ChildEnded, ChildFailed])
def test_a_session_that_is_over_is_forgotten(stage: Stage, word: type) -> None:
    link = Link(stage)
    child, _ = link.session()
    assert link.ref.proxy().children.get(timeout=SECONDS) == {child}
    link.tell(word(child) if word is ChildEnded else ChildFailed(child, ValueError()))
    assert link.ref.proxy().children.get(timeout=SECONDS) == set()
    assert not link.desk.has_ended.is_set()


# The image.


@pytest.mark.parametrize(
    ("policy", "there", "wanted"),
    [
        ("IfNotPresent", True, False),
        ("IfNotPresent", False, True),
        ("Always", True, True),
        ("Always", False, True),
        ("Never", True, False),
        ("Never", False, False),
    ],
)
def test_the_pull_policy_decides_whether_the_image_is_fetched(
    stage: Stage, policy: str, there: bool, wanted: bool
) -> None:
    link = Link(stage, container={"Image": FAKE_IMAGE if there else ABSENT}, imagePullPolicy=policy)
    link.tell(Authenticated("alice"))
    if wanted:
        stage.told_root.wait_for(ImageWanted)
        stage.engine.images[ABSENT] = FakeImage()
        link.tell(ImageReady())
    answer = link.want()
    assert stage.told_root.of(ImageWanted) == ([] if not wanted else stage.told_root.of(ImageWanted)[:1])
    if wanted or there:
        assert isinstance(answer, ContainerReady)
    else:
        assert isinstance(answer, Refused)
        assert answer.code == "IMAGE_NOT_FOUND"


def test_a_pull_that_failed_is_told_to_all_sessions(stage: Stage) -> None:
    link = Link(stage, container={"Image": ABSENT})
    waiting, told = link.session()
    link.tell(Authenticated("alice"), ContainerWanted(waiting))
    stage.told_root.wait_for(ImageWanted)
    refused = refuse(Code.IMAGE_PULL_FAILED, "no route to the registry")
    link.tell(ImageFailed(refused))
    assert told.wait_for(Refused) == refused
    assert link.want() == refused
    assert stage.book.wait_for("container_refused")["cause"] == "no route to the registry"


# Failures of the engine.


@pytest.mark.parametrize(
    ("operation", "error", "code"),
    [
        ("image_inspect", Unavailable, "ENGINE_UNAVAILABLE"),
        ("container_create", EngineRefused, "CONTAINER_CREATE_FAILED"),
        ("container_create", ServerFault, "CONTAINER_CREATE_FAILED"),
        ("container_attach", ServerFault, "CONTAINER_START_FAILED"),
        ("container_start", EngineRefused, "CONTAINER_START_FAILED"),
        ("container_start", NotFound, "CONTAINER_START_FAILED"),
        ("container_start", TimedOut, "ENGINE_TIMED_OUT"),
    ],
)
def test_a_container_that_cannot_be_had_is_refused_to_all_and_leaves_nothing(
    stage: Stage, operation: str, error: type[EngineError], code: str
) -> None:
    stage.engine.faults.fail(operation, error)
    link = Link(stage)
    waiting, told = link.session()
    link.tell(Authenticated("alice"), ContainerWanted(waiting))
    assert told.wait_for(Refused).code == code
    assert stage.engine.containers == []
    assert stage.ledger.names == set()
    assert stage.count("sshore_refusals_total", code=code) == 1
    assert stage.count("sshore_containers_current") == 0
    later = link.want()
    assert isinstance(later, Refused)
    assert later.code == code


def test_a_create_whose_answer_was_lost_is_left_to_the_root(stage: Stage) -> None:
    stage.engine.faults.fail("container_create", TimedOut)
    link = Link(stage)
    link.tell(Authenticated("alice"))
    later = stage.told_root.wait_for(RemoveLater)
    assert later == RemoveLater(stage.ledger.claimed[0], may_come=True)
    assert stage.ledger.names == {later.name}


def test_a_removal_that_fails_is_left_to_the_root_and_delays_nobody(stage: Stage) -> None:
    stage.engine.faults.fail("container_remove", Unavailable)
    link = Link(stage)
    container = link.ready()
    [child] = link.ref.proxy().children.get(timeout=SECONDS)
    link.tell(Disconnected(), ChildEnded(child))
    link.desk.wait_ended()
    assert stage.told_root.wait_for(RemoveLater) == RemoveLater(container.name, may_come=False, id=container.id)
    assert stage.ledger.names == {container.name}


# The loss of the container.


@pytest.mark.parametrize("oom", [True, False])
def test_a_container_that_dies_is_told_to_everybody(stage: Stage, oom: bool) -> None:
    link = Link(stage)
    container = link.ready()
    _, told = link.session()
    link.tell(ContainerDied(137, oom))
    assert told.wait_for(ContainerLost).refused.code == ("OUT_OF_MEMORY" if oom else "CONTAINER_LOST")
    lost = link.desk.failures.wait_for(Refused)
    assert lost.code == ("OUT_OF_MEMORY" if oom else "CONTAINER_LOST")
    assert link.want() == lost
    assert container.gone.is_set()
    assert stage.ledger.names == set()


def test_a_container_that_is_removed_by_somebody_else_is_lost(stage: Stage) -> None:
    link = Link(stage)
    container = link.ready()
    stage.engine.remove_container(container.id, timeout=SECONDS)
    assert link.desk.failures.wait_for(Refused).code == "CONTAINER_LOST"
    link.settle()
    assert len(link.desk.failures.all) == 1
    assert stage.ledger.names == set()


def test_a_death_that_no_event_told_is_found_when_events_were_lost(stage: Stage) -> None:
    link = Link(stage)
    container = link.ready()
    stage.engine.drop_events()
    stage.engine.remove_container(container.id, timeout=SECONDS)
    link.settle()
    assert link.desk.failures.all == []
    link.tell(EventsLost())
    assert link.desk.failures.wait_for(Refused).code == "CONTAINER_LOST"


@pytest.mark.parametrize("error", [None, Unavailable])
def test_events_that_were_lost_do_no_harm_to_a_container_that_lives(
    stage: Stage, error: type[EngineError] | None
) -> None:
    link = Link(stage)
    link.ready()
    if error:
        stage.engine.faults.fail("container_inspect", error)
    link.tell(EventsLost())
    link.settle()
    assert link.desk.failures.all == []
    assert isinstance(link.want(), ContainerReady)


# The control shell.


def test_a_line_for_the_control_shell_reaches_it(stage: Stage) -> None:
    link = Link(stage)
    container = link.ready()
    heard = Memory()
    container.main.feed = heard.add
    link.tell(ControlLine("hangup 7"))
    assert heard.wait_for(bytes) == b"hangup 7\n"


@pytest.mark.parametrize("running", [True, False])
def test_a_session_hears_when_its_line_does_not_wait_any_more(stage: Stage, running: bool) -> None:
    link = Link(stage)
    if running:
        link.ready()
    session, told = link.session()
    line = ControlLine("hangup 7", session)
    link.tell(line)
    assert told.wait_for(ControlLine) == line


def test_beside_a_configured_idle_command_an_exec_obeys(stage: Stage) -> None:
    link = Link(stage, idleCommand=["cat"])
    container = link.ready()
    assert container.spec.config["Cmd"] == ["cat"]
    link.tell(ControlLine("signal_group WINCH 7"), ControlLine(f"signal_group TERM {container.main.pid}"))
    assert container.gone.wait(SECONDS)
    [shell] = container.execs.values()
    assert (shell.spec.argv[:2], shell.spec.user) == (("/bin/sh", "-c"), "0")


@pytest.mark.parametrize(
    ("exit_code", "own", "code"),
    [(127, [], "IMAGE_WITHOUT_SHELL"), (126, [], "IMAGE_WITHOUT_SHELL"), (127, ["cat"], "CONTAINER_LOST")],
)
def test_an_idle_shell_that_init_cannot_run_is_the_images_fault(
    stage: Stage, exit_code: int, own: list[str], code: str
) -> None:
    link = Link(stage, **({"idleCommand": own} if own else {}))
    link.ready()
    link.tell(ContainerDied(exit_code, oom=False))
    assert link.desk.failures.wait_for(Refused).code == code


@pytest.mark.parametrize(
    ("news", "code"),
    [
        ((MemoryExhausted(),), "OUT_OF_MEMORY"),
        ((ContainerKilled(9), ContainerDied(137, oom=False)), "CONTAINER_LOST"),
    ],
)
def test_a_session_learns_why_its_program_was_killed(stage: Stage, news: tuple[object, ...], code: str) -> None:
    link = Link(stage)
    link.ready()
    told = Memory()
    link.tell(*news[:1], CauseWanted(Witness.start(told)), *news[1:])
    cause = told.wait_for(CauseKnown).refused
    assert (cause and cause.code) == code


def test_a_container_that_was_sent_a_signal_and_lives_is_no_cause(stage: Stage) -> None:
    link = Link(stage)
    link.ready()
    told = Memory()
    link.tell(ContainerKilled(9), CauseWanted(Witness.start(told)))
    stage.timers.ring(CauseOverdue)
    stage.timers.ring(CauseOverdue, 2)
    assert told.wait_for(CauseKnown) == CauseKnown(None)


def test_a_program_that_was_killed_alone_is_told_of_after_a_moment(stage: Stage) -> None:
    link = Link(stage)
    link.ready()
    told = Memory()
    link.tell(CauseWanted(Witness.start(told)))
    assert stage.timers.ring(CauseOverdue).seconds < 1
    assert told.wait_for(CauseKnown) == CauseKnown(None)


def test_the_news_of_a_kill_may_come_behind_the_end_of_a_program(stage: Stage) -> None:
    link = Link(stage)
    link.ready()
    told = Memory()
    link.tell(CauseWanted(Witness.start(told)), ContainerKilled(9))
    stage.timers.ring(CauseOverdue)
    link.tell(ContainerDied(137, oom=False))
    cause = told.wait_for(CauseKnown).refused
    assert cause
    assert cause.code == "CONTAINER_LOST"


def test_a_line_without_a_container_is_dropped(stage: Stage) -> None:
    link = Link(stage)
    link.tell(ControlLine("hangup 7"))
    link.settle()
    assert [line["event"] for line in stage.book.lines] == ["engine_events_watched"]


def test_a_control_shell_that_does_not_listen_is_noted(stage: Stage) -> None:
    link = Link(stage)
    link.ready()
    stage.engine.connections.lose_all()
    link.tell(ControlLine("hangup 7"))
    assert stage.book.wait_for("control_line_failed")["code"] == "ENGINE_UNAVAILABLE"


@pytest.mark.parametrize("end", [Disconnected(), ContainerDied(137, oom=False)])
def test_no_line_is_sent_to_a_container_that_is_on_its_way_out(stage: Stage, end: object) -> None:
    link = Link(stage)
    link.ready()
    [child] = link.ref.proxy().children.get(timeout=SECONDS)
    link.tell(end, ControlLine("hangup 7"), Disconnected(), ChildEnded(child))
    link.desk.wait_ended()
    assert stage.book.of("control_line_failed") == []


def test_letting_go_of_the_switch_ends_the_container(stage: Stage) -> None:
    link = Link(stage)
    container = link.ready()
    stage.engine.faults.fail("container_remove", Unavailable)
    link.ref.stop()
    assert container.gone.wait(SECONDS)
