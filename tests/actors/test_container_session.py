"""A session of session mode: a container of its own, attached before it starts, gone with the channel."""

from __future__ import annotations

import errno
import os
import time
from dataclasses import replace
from pathlib import Path

import pytest
from sshore.actors.exec_shell import ExecShell
from sshore.actors.messages import (
    ChildEnded,
    Exited,
    ExitOverdue,
    FirstOutput,
    GuardDue,
    ImageFailed,
    ImageReady,
    ImageWanted,
    OutputEnded,
    OutputStalled,
    RemoveLater,
    RequestPty,
    ResizeWindow,
    RunExec,
    RunShell,
    SendSignal,
    SetEnv,
    StreamFailed,
    StreamOpened,
)
from sshore.actors.refusals import Refused, refuse
from sshore.actors.stop_messages import StopSuspected
from sshore.actors.transitions import State
from sshore.engine.control_shell import GUARD_SHELL
from sshore.engine.errors import Conflict, EngineError, NotFound, ServerFault, TimedOut, Unavailable
from sshore.engine.errors import Refused as EngineRefused
from sshore.engine.fake.containers import FakeImage
from sshore.engine.fake.engine import FAKE_IMAGE
from sshore.engine.keeper import KEEPER, KILLS_GROUP
from sshore.engine.launcher import LAUNCHER, UMASK_OF_SSHD
from sshore.engine.pipes.budget import BudgetSpentError
from sshore.engine.pipes.fifos import FifoSet
from sshore.engine.pipes.sharing import ContainerPipes, Sharing
from sshore.engine.types import ContainerDied, ContainerGone, EventsLost
from sshore.metrics.codes import Code
from support.acts import ContainerAct
from support.memory import SECONDS
from support.stage import Opening, Running, Stage, Stalled

XTERM = RequestPty("xterm", 80, 24)
NO_PIPES = ("", "", "")
ABSENT = {"Image": "registry.example/absent:1"}


def close(act: ContainerAct) -> None:
    act.leave()
    act.stage.told_parent.wait_for(ChildEnded)


def assert_nothing_is_left(stage: Stage) -> None:
    assert stage.engine.containers == []
    assert stage.ledger.names == set()
    assert stage.count("sshore_containers_current") == 0
    assert stage.count("sshore_sessions_current") == 0


def test_a_program_runs_in_a_container_that_goes_with_its_channel(stage: Stage) -> None:
    act = ContainerAct(stage)
    container = act.open("exit 7")
    assert act.desk.calls.wait_for(Exited) == Exited(7)
    close(act)
    assert act.desk.ends == [Exited(7)]
    assert stage.ledger.claimed == [container.name]
    assert stage.count("sshore_container_start_seconds_count") == 1
    assert stage.count("sshore_program_start_seconds_count") == 1
    assert_nothing_is_left(stage)


def test_the_container_is_attached_before_it_starts(stage: Stage) -> None:
    act = ContainerAct(stage)
    act.tell(RunExec("cat"))
    container = act.container()
    assert container.status == "created"
    act.tell(StreamOpened(None))
    act.desk.calls.wait_for(Running)
    assert container.status == "running"
    close(act)


def test_events_that_were_lost_before_it_starts_do_not_end_it(stage: Stage) -> None:
    act = ContainerAct(stage)
    act.tell(RunExec("exit 3"))
    container = act.container()
    act.tell(EventsLost())
    stage.timers.ring(ExitOverdue)
    act.settle()
    assert (container.status, act.state) == ("created", State.OPENING)
    act.tell(StreamOpened(None))
    assert act.desk.calls.wait_for(Exited) == Exited(3)
    close(act)


def test_a_stream_that_ends_before_its_container_started_is_no_success(stage: Stage) -> None:
    act = ContainerAct(stage)
    act.tell(RunExec("exit 3"))
    act.container()
    act.tell(OutputEnded())
    stage.timers.ring(ExitOverdue)
    act.settle()
    stage.timers.ring(ExitOverdue, 2)
    assert act.desk.calls.wait_for(Exited).status == 255
    close(act)


def test_what_was_asked_for_reaches_the_engine(stage: Stage) -> None:
    act = ContainerAct(stage, container={"Image": FAKE_IMAGE, "Env": ["FIXED=operator"], "User": "1000"})
    act.tell(SetEnv("FOO", "a b"), SetEnv("FIXED", "client"))
    container = act.open("make", pty=XTERM)
    config = container.spec.config
    assert config["Cmd"] == [
        "/bin/sh",
        "-c",
        LAUNCHER,
        "sshore",
        "",
        "cols 80,rows 24",
        "",
        *NO_PIPES,
        UMASK_OF_SSHD,
        "command",
        "make",
    ]
    assert config["Env"] == ["FOO=a b", "FIXED=operator"]
    assert (config["Tty"], config["User"], config["StdinOnce"], config["OpenStdin"]) == (True, "1000", True, True)
    assert (config["HostConfig"]["AutoRemove"], config["HostConfig"]["Init"]) == (True, True)
    assert act.opening().tty
    assert container.labels.items() >= {
        ("sshore.connection", "c0ffee"),
        ("sshore.client", "192.0.2.1:2222"),
        ("sshore.user", "alice"),
        ("sshore.gateway", "stage"),
    }
    close(act)


def test_a_shell_is_what_the_image_starts(stage: Stage) -> None:
    act = ContainerAct(stage)
    act.tell(RunShell())
    assert "Cmd" not in act.container().spec.config
    close(act)


def test_a_shell_is_what_was_configured_instead(stage: Stage) -> None:
    act = ContainerAct(stage, shellCommand=["/bin/rc"])
    act.tell(RunShell())
    assert act.container().spec.config["Cmd"][-2:] == ["argv", "/bin/rc"]
    close(act)


@pytest.mark.parametrize(
    ("operation", "error", "code"),
    [
        ("image_inspect", Unavailable, "ENGINE_UNAVAILABLE"),
        ("image_inspect", ServerFault, "IMAGE_NOT_FOUND"),
        ("container_create", EngineRefused, "CONTAINER_CREATE_FAILED"),
        ("container_create", NotFound, "CONTAINER_CREATE_FAILED"),
    ],
)
def test_a_container_that_cannot_be_made_is_refused_and_leaves_nothing(
    stage: Stage, operation: str, error: type[EngineError], code: str
) -> None:
    stage.engine.faults.fail(operation, error)
    act = ContainerAct(stage)
    act.tell(RunShell())
    assert act.desk.calls.wait_for(Refused).code == code
    close(act)
    assert len(act.desk.ends) == 1
    assert stage.told_root.of(RemoveLater) == []
    assert_nothing_is_left(stage)


@pytest.mark.parametrize("carried_out", [True, False])
@pytest.mark.parametrize("error", [TimedOut, Unavailable])
def test_a_create_whose_answer_was_lost_is_cleaned_up_whether_it_happened_or_not(
    stage: Stage, error: type[EngineError], carried_out: bool
) -> None:
    stage.engine.faults.fail("container_create", error, carried_out=carried_out)
    act = ContainerAct(stage)
    act.tell(RunShell())
    assert act.desk.calls.wait_for(Refused).code == error.code
    close(act)
    assert stage.engine.containers == []
    if carried_out:
        assert_nothing_is_left(stage)
    else:
        later = stage.told_root.wait_for(RemoveLater)
        assert (later.name, later.may_come) == (stage.ledger.claimed[0], True)
        assert stage.ledger.names == {later.name}


@pytest.mark.parametrize(
    ("error", "code", "status"),
    [
        (EngineRefused, "PROGRAM_START_FAILED", 126),
        (ServerFault, "CONTAINER_START_FAILED", 255),
        (Unavailable, "ENGINE_UNAVAILABLE", 255),
    ],
)
def test_a_container_that_cannot_start_is_refused_and_goes(
    stage: Stage, error: type[EngineError], code: str, status: int
) -> None:
    stage.engine.faults.fail("container_start", error)
    act = ContainerAct(stage)
    act.tell(RunShell())
    act.opening()
    act.tell(StreamOpened(None))
    refused = act.desk.calls.wait_for(Refused)
    assert (refused.code, refused.status) == (code, status)
    close(act)
    assert_nothing_is_left(stage)


def test_a_stream_that_cannot_be_opened_is_refused(stage: Stage) -> None:
    act = ContainerAct(stage)
    act.tell(RunShell())
    act.opening()
    act.tell(StreamFailed(Unavailable("container_attach", "reset")))
    assert act.desk.calls.wait_for(Refused).code == "STREAM_FAILED"
    close(act)
    assert_nothing_is_left(stage)


def test_the_networks_absence_is_made_up_for(stage: Stage) -> None:
    act = ContainerAct(stage, host={})
    act.open("exit 0")
    assert stage.engine.networks == {"sshore": {"com.docker.network.bridge.enable_icc": "false"}}
    close(act)
    assert_nothing_is_left(stage)


def test_a_removal_that_fails_is_left_to_the_root(stage: Stage) -> None:
    stage.engine.faults.fail("container_remove", Unavailable)
    act = ContainerAct(stage)
    container = act.open()
    close(act)
    assert stage.told_root.wait_for(RemoveLater) == RemoveLater(container.name, may_come=False, id=container.id)
    assert stage.ledger.names == {container.name}
    assert "container_removal_postponed" in [line["event"] for line in stage.book.lines if line["level"] == "warning"]


@pytest.mark.parametrize("state", [state for state in State if state not in (State.LEAVING, State.CLOSED)])
def test_a_channel_may_close_in_every_state_and_its_container_goes(stage: Stage, state: State) -> None:
    act = ContainerAct(stage, **({"container": ABSENT} if state is State.PREPARING else {}))
    if state is not State.NEW:
        act.tell(RunExec("cat"))
    if state in (State.RUNNING, State.SILENT, State.OVER):
        act.container()
        act.tell(StreamOpened(None))
        act.desk.calls.wait_for(Running)
    if state is State.SILENT:
        act.tell(OutputEnded())
    if state is State.OVER:
        act.container().main.input.end()
        act.desk.calls.wait_for(Exited)
    assert act.state is state
    close(act)
    assert len(act.desk.ends) == 1
    assert_nothing_is_left(stage)
    assert stage.book.of("actor_failed") == []


@pytest.mark.parametrize(
    ("news", "code"), [(ContainerDied(137, oom=True), "OUT_OF_MEMORY"), (ContainerDied(137, oom=False), "")]
)
def test_the_death_of_the_container_is_the_programs_end(stage: Stage, news: ContainerDied, code: str) -> None:
    act = ContainerAct(stage)
    act.open()
    act.tell(news)
    exited = act.desk.calls.wait_for(Exited)
    assert exited.status == 137
    assert (code in exited.notice) if code else exited.notice == ""
    close(act)


def test_a_container_that_vanishes_is_told(stage: Stage) -> None:
    act = ContainerAct(stage)
    act.open()
    act.tell(ContainerGone())
    assert act.desk.calls.wait_for(Refused).code == "CONTAINER_LOST"
    close(act)


def test_a_lost_event_is_asked_for(stage: Stage) -> None:
    act = ContainerAct(stage)
    act.open("read line; exit 6")
    stage.engine.drop_events()
    container = act.container()
    # Kept by hand, as an engine keeps a container between its end and its removal.
    container.spec.config["HostConfig"]["AutoRemove"] = False
    container.main.feed(b"go\n")
    assert container.main.wait_ended(SECONDS)
    act.tell(OutputEnded())
    stage.timers.ring(ExitOverdue)
    assert act.desk.calls.wait_for(Exited) == Exited(6)
    close(act)


def test_a_container_that_is_gone_when_it_is_asked_after_is_an_end(stage: Stage) -> None:
    act = ContainerAct(stage)
    act.open()
    stage.engine.drop_events()
    stage.engine.remove_container(act.container().id, timeout=SECONDS)
    act.tell(OutputEnded())
    stage.timers.ring(ExitOverdue)
    stage.timers.ring(ExitOverdue, 2)
    assert act.desk.calls.wait_for(Exited).status == 255
    close(act)
    assert_nothing_is_left(stage)


def test_an_event_that_comes_after_its_container_is_gone_still_tells_the_status(stage: Stage) -> None:
    act = ContainerAct(stage)
    act.open()
    stage.engine.drop_events()
    stage.engine.remove_container(act.container().id, timeout=SECONDS)
    act.tell(OutputEnded())
    stage.timers.ring(ExitOverdue)
    act.settle()
    act.tell(ContainerDied(7, oom=False))
    assert act.desk.calls.wait_for(Exited).status == 7
    close(act)


# Terminal and signals.


def test_the_terminal_has_its_size_from_the_start(stage: Stage) -> None:
    act = ContainerAct(stage)
    act.tell(XTERM, ResizeWindow(100, 30))
    container = act.open()
    assert "cols 100,rows 30" in container.spec.config["Cmd"]
    assert container.sizes == []
    act.tell(ResizeWindow(120, 40))
    act.settle()
    assert container.sizes == [(120, 40)]
    close(act)


def test_a_window_change_while_the_image_is_awaited_is_the_size_that_the_program_starts_with(stage: Stage) -> None:
    act = ContainerAct(stage, container=ABSENT)
    act.tell(XTERM, RunExec("cat"))
    stage.told_root.wait_for(ImageWanted)
    stage.engine.images[ABSENT["Image"]] = FakeImage()
    act.tell(ResizeWindow(100, 30), ImageReady())
    assert "cols 100,rows 30" in act.container().spec.config["Cmd"]
    close(act)


def shell(stage: Stage) -> ContainerAct:
    """The image's own CMD on a terminal, running."""
    act = ContainerAct(stage)
    act.tell(XTERM, RunShell())
    act.container()
    act.tell(StreamOpened(None))
    act.desk.calls.wait_for(Running)
    return act


def test_the_terminal_of_the_images_own_program_is_sized_behind_its_start(stage: Stage) -> None:
    act = shell(stage)
    assert act.container().sizes == [(80, 24)]
    close(act)


def test_an_engine_that_sizes_terminals_is_not_helped(stage: Stage) -> None:
    stage.engine.sizes_terminals = True
    act = shell(stage)
    assert (act.container().spec.size, act.container().sizes) == ((80, 24), [])
    close(act)


@pytest.mark.parametrize("error", [Conflict, NotFound])
def test_a_program_that_ends_before_its_terminal_got_its_size_has_run(stage: Stage, error: type[EngineError]) -> None:
    stage.engine.faults.fail("container_resize", error)
    act = ContainerAct(stage, container={"Image": FAKE_IMAGE, "Cmd": ["sh", "-c", "exit 3"]})
    act.tell(XTERM, RunShell())
    act.container()
    act.tell(StreamOpened(None))
    assert act.desk.calls.wait_for(Exited) == Exited(3)
    close(act)
    assert act.desk.ends == [Exited(3)]


def test_a_signal_before_the_container_runs_is_kept(stage: Stage) -> None:
    act = ContainerAct(stage)
    act.tell(RunExec("read line"))
    container = act.container()
    act.tell(SendSignal("TERM"))
    act.settle()
    assert container.execs == {}
    act.tell(StreamOpened(None))
    assert act.desk.calls.wait_for(Exited) == Exited(128 + 15)
    close(act)


def test_the_first_signal_starts_the_guard_which_reaches_the_programs_group(stage: Stage) -> None:
    act = ContainerAct(stage)
    container = act.open("read line")
    act.tell(SendSignal("TERM"), GuardDue())
    assert act.desk.calls.wait_for(Exited) == Exited(128 + 15)
    [guard] = container.execs.values()
    assert guard.spec.user == "0"
    assert stage.engine.faults.calls("container_kill") == 0
    close(act)


def test_signals_go_to_the_container_where_no_guard_can_be(stage: Stage) -> None:
    stage.engine.faults.fail("exec_create", Conflict)
    act = ContainerAct(stage)
    act.open("read line")
    act.tell(SendSignal("TERM"))
    assert act.desk.calls.wait_for(Exited) == Exited(128 + 15)
    assert stage.engine.faults.calls("container_kill") == 1
    close(act)


def test_a_program_without_a_terminal_is_kept_unless_something_stands_in_front_of_it(stage: Stage) -> None:
    act = ContainerAct(stage)
    config = act.open("make").spec.config
    assert config["Cmd"][2:5] == [KEEPER, "sshore", LAUNCHER]
    assert config["Env"] == ["=".join(KILLS_GROUP)]
    close(act)
    act = ContainerAct(stage, container={"Image": FAKE_IMAGE, "Entrypoint": ["env"]})
    config = act.open("make").spec.config
    assert config["Cmd"][2] == LAUNCHER
    assert config["Env"] == []
    close(act)


# Stops.


def test_a_ctrl_z_has_the_guard_look_at_once_and_time_does_more_and_more_seldom(stage: Stage) -> None:
    act = ContainerAct(stage)
    act.open("read line", pty=XTERM)
    act.tell(StopSuspected())
    act.settle()
    assert stage.engine.faults.calls("container_kill") == 0
    pauses = [stage.timers.ring(StopSuspected, number).seconds for number in range(1, 7)]
    assert pauses == [2, 4, 8, 16, 20, 20]
    act.settle()
    assert act.state is State.RUNNING
    close(act)


def test_where_no_guard_can_look_the_main_process_is_continued_at_a_ctrl_z_only(stage: Stage) -> None:
    stage.engine.faults.fail("exec_create", Conflict)
    act = ContainerAct(stage)
    act.open("read line", pty=XTERM)
    stage.timers.ring(StopSuspected)
    act.settle()
    assert stage.engine.faults.calls("container_kill") == 0
    act.tell(StopSuspected())
    act.settle()
    assert stage.engine.faults.calls("container_kill") == 1
    assert act.state is State.RUNNING
    assert stage.book.of("request_out_of_order") == []
    close(act)


# The guard.


def test_the_guard_starts_a_moment_behind_the_first_output(stage: Stage) -> None:
    act = ContainerAct(stage)
    container = act.open()
    act.tell(FirstOutput())
    assert stage.timers.ring(GuardDue, 2).seconds == pytest.approx(0.2)
    act.settle()
    [guard] = container.execs.values()
    assert guard.spec.argv == ("/bin/sh", "-c", GUARD_SHELL)
    assert guard.spec.user == "0"
    close(act)
    assert_nothing_is_left(stage)


def test_the_guard_of_a_silent_program_starts_by_itself_and_once(stage: Stage) -> None:
    act = ContainerAct(stage)
    container = act.open()
    assert stage.timers.ring(GuardDue).seconds == pytest.approx(1.0)
    act.tell(FirstOutput())
    stage.timers.ring(GuardDue, 2)
    act.settle()
    assert len(container.execs) == 1
    close(act)


def test_a_guard_that_loses_its_gateway_ends_the_container(stage: Stage) -> None:
    act = ContainerAct(stage)
    container = act.open()
    act.tell(GuardDue())
    act.settle()
    stage.engine.lose_connections()
    assert container.gone.wait(SECONDS)
    close(act)


def test_a_program_that_has_ended_gets_no_guard(stage: Stage) -> None:
    act = ContainerAct(stage)
    act.open("exit 0")
    act.desk.calls.wait_for(Exited)
    stage.timers.ring(GuardDue)
    act.settle()
    assert stage.engine.faults.calls("exec_create") == 0
    close(act)


def test_a_guard_that_cannot_start_is_noted_and_the_program_runs_on(stage: Stage) -> None:
    stage.engine.faults.fail("exec_create", Conflict)
    act = ContainerAct(stage)
    act.open("read line")
    stage.timers.ring(GuardDue)
    assert stage.book.wait_for("guard_missing")["code"] == "ENGINE_CONFLICT"
    assert act.state is State.RUNNING
    act.container().main.input.end()
    assert act.desk.calls.wait_for(Exited) == Exited(1)
    close(act)


def test_a_guard_that_does_not_answer_is_held_all_the_same(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    act = ContainerAct(stage)
    container = act.open("read line")
    act.tell(GuardDue())
    act.settle()

    def silent(*_: object, **__: object) -> None:
        raise TimedOut("exec_start", "the control shell does not answer")

    monkeypatch.setattr(ExecShell, "send_line", silent)
    stage.timers.ring(StopSuspected)
    act.settle()
    assert stage.book.of("guard_missing") == []
    assert not container.gone.is_set()
    assert act.state is State.RUNNING
    act.container().main.input.end()
    act.desk.calls.wait_for(Exited)
    close(act)


def test_a_guard_whose_exec_is_not_created_soon_is_tried_again(stage: Stage) -> None:
    act = ContainerAct(stage)
    container = act.open("read line")
    stage.engine.faults.fail("exec_create", TimedOut)
    stage.timers.ring(GuardDue)
    again = stage.timers.ring(GuardDue, 2)
    act.settle()
    assert again.seconds > 1
    [guard] = container.execs.values()
    assert guard.spec.argv == ("/bin/sh", "-c", GUARD_SHELL)
    assert stage.book.of("guard_missing") == []
    close(act)


# Output that stands still.


def test_who_asks_about_stalled_output_is_told_whether_the_container_has_ended(stage: Stage) -> None:
    act = ContainerAct(stage)
    container = act.open("read line")
    act.tell(OutputStalled())
    assert act.desk.calls.wait_for(Stalled) == Stalled(over=False)
    stage.engine.drop_events()
    container.main.input.end()
    assert container.main.wait_ended(SECONDS)
    act.tell(OutputStalled())
    act.settle()
    assert act.desk.calls.all[-1] == Stalled(over=True)
    act.tell(OutputEnded())
    close(act)


def test_an_engine_that_says_nothing_of_a_container_with_stalled_output_is_waited_for_less_than_it_keeps_it(
    stage: Stage,
) -> None:
    act = ContainerAct(stage)
    act.open("read line")
    release = stage.engine.faults.hang("container_inspect")
    began = time.monotonic()
    act.tell(OutputStalled())
    assert act.desk.calls.wait_for(Stalled) == Stalled(over=True)
    assert time.monotonic() - began < 1.5
    release()
    close(act)


# The image, as the pull policy says.


def test_an_image_that_is_there_is_not_pulled(stage: Stage) -> None:
    act = ContainerAct(stage)
    act.open("exit 0")
    assert stage.told_root.of(ImageWanted) == []
    close(act)


@pytest.mark.parametrize(("policy", "image"), [("IfNotPresent", ABSENT), ("Always", {"Image": FAKE_IMAGE})])
def test_an_image_is_wanted_when_the_policy_says_so(stage: Stage, policy: str, image: dict[str, str]) -> None:
    auth = {"username": "me", "password": "secret"}
    act = ContainerAct(stage, container=image, imagePullPolicy=policy, platform="linux/arm64", auth=auth)
    act.tell(RunExec("exit 0"))
    wanted = stage.told_root.wait_for(ImageWanted)
    assert (wanted.asker, wanted.image, wanted.platform) == (act.ref, image["Image"], "linux/arm64")
    assert (wanted.auth.username, wanted.auth.password) == ("me", "secret")
    assert wanted.asked_at <= time.monotonic()
    stage.engine.images[image["Image"]] = FakeImage()
    act.tell(ImageReady())
    act.container()
    close(act)


def test_an_image_that_may_not_be_pulled_is_refused_when_it_is_absent(stage: Stage) -> None:
    act = ContainerAct(stage, container=ABSENT, imagePullPolicy="Never")
    act.tell(RunShell())
    assert act.desk.calls.wait_for(Refused).code == "IMAGE_NOT_FOUND"
    assert stage.told_root.of(ImageWanted) == []
    close(act)


def test_a_failed_pull_is_the_sessions_failure(stage: Stage) -> None:
    act = ContainerAct(stage, container=ABSENT)
    act.tell(RunShell())
    stage.told_root.wait_for(ImageWanted)
    refused = refuse(Code.IMAGE_PULL_FAILED, "no route")
    act.tell(ImageFailed(refused))
    assert act.desk.calls.wait_for(Refused) == refused
    close(act)
    assert_nothing_is_left(stage)


def test_an_image_that_vanished_behind_its_pull_is_refused(stage: Stage) -> None:
    act = ContainerAct(stage, container=ABSENT)
    act.tell(RunShell())
    stage.told_root.wait_for(ImageWanted)
    act.tell(ImageReady())
    assert act.desk.calls.wait_for(Refused).code == "IMAGE_NOT_FOUND"
    close(act)


def test_without_the_pipes_that_it_must_have_nothing_is_left_either(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sharing = Sharing(tmp_path, "machine", "me", lambda cause: None)
    stage.house = replace(stage.house, sharing=sharing)
    monkeypatch.setattr(os, "mkfifo", no_descriptor)
    act = ContainerAct(stage, pipes="on")
    act.tell(RunExec("make"))
    assert act.desk.calls.wait_for(Refused).code is Code.PROGRAM_START_FAILED
    close(act)
    assert_nothing_is_left(stage)
    assert list(tmp_path.glob("*/*")) == []


def test_a_program_that_its_users_share_has_no_pipe_for_is_carried_by_the_engine_whatever_it_must(
    stage: Stage, tmp_path: Path
) -> None:
    sharing = Sharing(tmp_path, "machine", "me", lambda cause: None)
    stage.house = replace(stage.house, sharing=sharing)
    other = sharing.for_container("other", must=True)
    assert other
    other.holder = "alice"
    held = list(iter(lambda: took(other), None))
    act = ContainerAct(stage, pipes="on")
    act.tell(RunExec("make"))
    assert not act.desk.calls.wait_for(Opening).piped
    assert stage.book.of("without_named_pipes")
    close(act)
    for fifos in held:
        fifos.close()
    assert_nothing_is_left(stage)


def took(pipes: ContainerPipes) -> FifoSet | None:
    try:
        return pipes.make_set("")
    except BudgetSpentError:
        return None


def no_descriptor(*_: object) -> None:
    raise OSError(errno.EMFILE, "no descriptor left")
