"""A session of connection mode: from the request to the end of its program, whatever happens on the way."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from sshore.actors.messages import (
    ChildEnded,
    ContainerLost,
    ContainerWanted,
    ControlLine,
    Exited,
    ExitOverdue,
    OutputEnded,
    OutputStalled,
    RequestPty,
    ResizeWindow,
    RunExec,
    RunShell,
    RunSubsystem,
    SendSignal,
    SetEnv,
    SiblingStarts,
    StartFailed,
    StreamFailed,
    StreamOpened,
)
from sshore.actors.refusals import Refused, refuse
from sshore.actors.transitions import State
from sshore.engine.errors import Conflict, EngineError, NotFound, ServerFault, TimedOut, Unavailable
from sshore.engine.errors import Refused as EngineRefused
from sshore.engine.launcher import APART, LAUNCHER, UMASK_OF_SSHD
from sshore.engine.pipes.sharing import Sharing
from sshore.engine.types import EventsLost, ProgramEnded
from sshore.metrics.codes import Code
from support.acts import PID, ExecAct
from support.memory import SECONDS
from support.stage import Alarm, Running, Stage, Stalled

XTERM = RequestPty("xterm", 80, 24)
NO_PIPES = ("", "", "")
LOST = refuse(Code.CONTAINER_LOST, "it is lost")


def ended_with(act: ExecAct) -> list[Exited | Refused]:
    """Return all that the port was told of the end, once the channel is closed."""
    act.leave()
    act.stage.told_parent.wait_for(ChildEnded)
    return act.desk.ends


def control_lines(stage: Stage) -> list[str]:
    return [line.line for line in stage.told_parent.of(ControlLine)]


def test_a_program_runs_and_its_exit_is_reported_once(stage: Stage) -> None:
    act = ExecAct(stage)
    made = act.open("exit 7")
    made.start()
    assert act.desk.calls.wait_for(Exited) == Exited(7)
    assert ended_with(act) == [Exited(7)]
    assert control_lines(stage) == []
    assert stage.count("sshore_sessions_total", kind="exec") == 1
    assert stage.count("sshore_sessions_current") == 0
    assert stage.count("sshore_program_start_seconds_count") == 1


def test_what_was_asked_for_reaches_the_engine(stage: Stage) -> None:
    act = ExecAct(stage, container={"Image": "sshore/mini:latest", "Env": ["FIXED=operator"]})
    act.tell(SetEnv("FOO", "a b"), SetEnv("FIXED", "client"))
    act.run("make all", pty=XTERM, user="1000")
    spec = act.exec().spec
    assert spec.argv == (
        "/bin/sh",
        "-c",
        LAUNCHER,
        "sshore",
        "pid",
        "cols 80,rows 24",
        "",
        *NO_PIPES,
        UMASK_OF_SSHD,
        "command",
        "make all",
    )
    assert (spec.env, spec.user, spec.tty) == (("FOO=a b",), "1000", True)
    assert act.opening().tty


@pytest.mark.parametrize(
    ("request_", "kind", "arguments"),
    [
        (RunShell(), "shell", ("shell",)),
        (RunExec(""), "exec", ("command", "")),
        (RunSubsystem("sftp"), "subsystem", ("sftp",)),
        (RunSubsystem("git"), "subsystem", ("command", "git-shell -l")),
    ],
)
def test_every_kind_of_program_is_launched_and_counted(
    stage: Stage, request_: object, kind: str, arguments: tuple[str, ...]
) -> None:
    act = ExecAct(stage, subsystems={"git": "git-shell -l"})
    act.tell(request_)
    stage.told_parent.wait_for(ContainerWanted)
    act.tell(stage.idle_container())
    assert act.exec().spec.argv[11:] == arguments
    assert stage.count("sshore_sessions_total", kind=kind) == 1


def test_a_configured_shell_gets_commands_too(stage: Stage) -> None:
    act = ExecAct(stage, shellCommand=["/bin/rc", "-v"])
    act.run("date")
    assert act.exec().spec.argv[11:] == ("argv", "/bin/rc", "-v", "-c", "date")


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (RunSubsystem("unheard-of"), "SUBSYSTEM_UNKNOWN"),
        (RunExec("a\0b"), "COMMAND_INVALID"),
        (RunExec("a\ud800"), "COMMAND_INVALID"),
        (RunExec("x" * 131_072), "COMMAND_TOO_LONG"),
        (RunExec("ü" * 65_536), "COMMAND_TOO_LONG"),
    ],
)
def test_a_request_that_cannot_be_met_is_refused_before_anything_is_made(
    stage: Stage, request_: object, code: str
) -> None:
    act = ExecAct(stage)
    act.tell(request_)
    assert act.desk.calls.wait_for(Refused).code == code
    assert stage.told_parent.of(ContainerWanted) == []
    assert stage.count("sshore_refusals_total", code=code) == 1
    assert len(ended_with(act)) == 1


def test_a_container_that_is_refused_is_passed_on(stage: Stage) -> None:
    act = ExecAct(stage)
    act.tell(RunShell())
    refused = refuse(Code.IMAGE_NOT_FOUND, "no such image")
    act.tell(refused)
    assert act.desk.calls.wait_for(Refused) == refused
    assert ended_with(act) == [refused]
    assert stage.count("sshore_sessions_current") == 0


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Conflict, "PROGRAM_START_FAILED"),
        (NotFound, "PROGRAM_START_FAILED"),
        (ServerFault, "PROGRAM_START_FAILED"),
        (Unavailable, "ENGINE_UNAVAILABLE"),
        (TimedOut, "ENGINE_TIMED_OUT"),
    ],
)
def test_an_exec_that_cannot_be_created_is_told_the_user_and_the_operator(
    stage: Stage, error: type[EngineError], code: str
) -> None:
    stage.engine.faults.fail("exec_create", error, times=2, detail="container is paused")
    act = ExecAct(stage)
    act.run()
    if error in (Conflict, NotFound):
        act.explain()
    refused = act.desk.calls.wait_for(Refused)
    assert refused.code == code
    assert "paused" not in refused.user
    assert "container is paused" in stage.book.wait_for("session_refused")["cause"]
    assert ended_with(act) == [refused]
    assert act.desk.calls.of(type(act.desk)) == []


def test_what_the_engine_says_of_a_start_that_failed_is_for_the_operator(stage: Stage) -> None:
    act = ExecAct(stage)
    act.run()
    act.opening()
    act.tell(StartFailed("OCI runtime exec failed: no such user 4711"))
    act.explain()
    refused = act.desk.calls.wait_for(Refused)
    assert (refused.code, refused.status) == ("PROGRAM_START_FAILED", 126)
    assert "4711" not in refused.user
    assert stage.book.wait_for("session_refused")["cause"] == "OCI runtime exec failed: no such user 4711"
    assert ended_with(act) == [refused]


@pytest.mark.parametrize("call", ["exec_create", "exec_start"])
def test_a_program_that_the_engine_refuses_cannot_be_executed(stage: Stage, call: str) -> None:
    refusal = EngineRefused(call, "unable to find user 4711")
    act = ExecAct(stage)
    if call == "exec_create":
        stage.engine.faults.fail(call, EngineRefused)
    act.run()
    if call == "exec_start":
        act.opening()
        act.tell(StreamFailed(refusal))
        act.explain()
    refused = act.desk.calls.wait_for(Refused)
    assert (refused.code, refused.status) == ("PROGRAM_START_FAILED", 126)


def test_a_stream_that_cannot_be_opened_ends_the_session(stage: Stage) -> None:
    act = ExecAct(stage)
    act.run()
    act.opening()
    act.tell(StreamFailed(Unavailable("exec_start", "connection reset")))
    act.explain()
    assert act.desk.calls.wait_for(Refused).code == "STREAM_FAILED"
    assert len(ended_with(act)) == 1


def test_a_stream_that_breaks_ends_the_session_and_its_program(stage: Stage) -> None:
    act = ExecAct(stage)
    act.open()
    act.tell(StreamFailed(Unavailable("exec", "the connection was lost")))
    assert act.desk.calls.wait_for(Refused).code == "STREAM_FAILED"
    assert stage.book.wait_for("session_refused")["cause"] == "exec: the connection was lost"
    assert len(ended_with(act)) == 1
    assert control_lines(stage) == [f"hangup {PID}"]


@pytest.mark.parametrize("piped", [False, True], ids=["the engine", "named pipes"])
def test_what_a_program_left_is_killed_at_once_or_when_its_pipes_were_heard_out(stage: Stage, piped: bool) -> None:
    act = ExecAct(stage)
    act.run("exit 3")
    made = act.exec()
    act.tell(StreamOpened(PID, ("1:2", "1:3"), piped))
    act.desk.calls.wait_for(Running)
    made.start()
    assert act.desk.calls.wait_for(Exited) == Exited(3)
    act.tell(SiblingStarts(), ResizeWindow(1, 1))
    act.desk.requests_taken.wait_for(ResizeWindow)
    line = f"end_left {PID} 1:2 1:3"
    if not piped:
        stage.told_parent.wait_for(ControlLine, 2)
    assert control_lines(stage) == ([] if piped else [line, line])
    assert ended_with(act) == [Exited(3)]
    assert control_lines(stage) == ([line] if piped else [line, line])


def test_a_program_without_a_terminal_gets_fifos_and_its_launcher_the_path(stage: Stage, tmp_path: Path) -> None:
    act = ExecAct(stage)
    act.tell(RunExec("make"))
    stage.told_parent.wait_for(ContainerWanted)
    sharing = Sharing(tmp_path, "machine", "me", stage.told_root.add)
    pipes = sharing.for_container("c", must=False)
    act.tell(replace(stage.idle_container("1000"), pipes=pipes))
    fifos, boot_id, must = act.exec().spec.argv[7:10]
    assert act.opening().piped
    assert fifos.startswith("/run/sshore/")
    assert (boot_id, must) == (sharing.boot_id, "")


@pytest.mark.parametrize(
    ("first", "believed"),
    [
        (SetEnv("LC_ALL", "C"), True),
        (SetEnv("BASH_FUNC_echo%%", "() { builtin echo $$ closed; }"), False),
        (SetEnv("LD_PRELOAD", "/mine.so"), False),
        (RequestPty("xterm", 80, 24, ()), False),
    ],
)
def test_the_first_programs_launcher_is_believed_unless_the_client_may_have_changed_it(
    stage: Stage, tmp_path: Path, first: SetEnv | RequestPty, believed: bool
) -> None:
    act = ExecAct(stage)
    act.tell(first)
    act.tell(RunExec("make"))
    stage.told_parent.wait_for(ContainerWanted)
    sharing = Sharing(tmp_path, "machine", "me", lambda cause: None)
    pipes = sharing.for_container("c", must=False)
    assert pipes
    act.tell(replace(stage.idle_container("1000"), pipes=pipes))
    act.opening()
    fifos = pipes.make_set("")
    assert fifos
    fifos.told(APART)
    fifos.close()
    assert sharing.is_lost is believed


def test_fifos_whose_exec_is_not_created_are_closed(stage: Stage, tmp_path: Path) -> None:
    act = ExecAct(stage)
    act.tell(RunExec("make"))
    stage.told_parent.wait_for(ContainerWanted)
    pipes = Sharing(tmp_path, "machine", "me", stage.told_root.add).for_container("c", must=False)
    ready = replace(stage.idle_container(), pipes=pipes)
    stage.engine.remove_container(ready.container_id, timeout=SECONDS)
    act.tell(ready)
    act.explain()
    act.desk.calls.wait_for(Refused)
    ended_with(act)
    assert list(tmp_path.glob("*/c/*")) == []


def test_an_end_that_comes_before_the_stream_is_open_is_reported_once_it_is(stage: Stage) -> None:
    act = ExecAct(stage)
    act.run("exit 3")
    assert act.exec().start().wait_ended(SECONDS)
    act.tell(StreamOpened(PID), OutputEnded())
    assert act.desk.calls.wait_for(Exited) == Exited(3)
    assert ended_with(act) == [Exited(3)]
    assert control_lines(stage) == []


def test_an_end_without_a_first_line_is_a_failed_start(stage: Stage) -> None:
    act = ExecAct(stage)
    act.run("exit 1")
    assert act.exec().start().wait_ended(SECONDS)
    act.tell(StartFailed("argument list too long"))
    act.explain()
    refused = act.desk.calls.wait_for(Refused)
    assert (refused.code, refused.status) == ("PROGRAM_START_FAILED", 126)
    assert ended_with(act) == [refused]


def test_an_end_that_comes_before_anybody_watches_is_not_missed(stage: Stage) -> None:
    act = ExecAct(stage)
    created = stage.engine.create_exec

    def create_and_run(*arguments: object, **more: object) -> str:
        made = created(*arguments, **more)
        process = stage.engine._find_exec(made, "").start()
        assert process.wait_ended(SECONDS)
        return made

    stage.engine.create_exec = create_and_run
    act.run("exit 5")
    act.tell(StreamOpened(PID))
    assert act.desk.calls.wait_for(Exited) == Exited(5)


def test_a_lost_event_is_asked_for_once_the_output_has_ended(stage: Stage) -> None:
    stage.engine.drop_events()
    act = ExecAct(stage)
    process = act.open("exit 9").start()
    assert process.wait_ended(SECONDS)
    act.tell(OutputEnded())
    assert stage.timers.ring(ExitOverdue).seconds == pytest.approx(0.1)
    assert act.desk.calls.wait_for(Exited) == Exited(9)
    assert ended_with(act) == [Exited(9)]


def test_a_kill_that_no_event_told_is_explained_as_well(stage: Stage) -> None:
    stage.engine.drop_events()
    act = ExecAct(stage)
    process = act.open("exit 137").start()
    assert process.wait_ended(SECONDS)
    act.tell(OutputEnded())
    stage.timers.ring(ExitOverdue)
    act.explain(refuse(Code.CONTAINER_LOST, "somebody killed it"))
    exited = act.desk.calls.wait_for(Exited)
    assert exited.status == 137
    assert "CONTAINER_LOST" in exited.notice


def test_a_program_that_outlives_its_output_is_asked_after_with_growing_pauses(stage: Stage) -> None:
    stage.engine.drop_events()
    act = ExecAct(stage)
    made = act.open("cat")
    process = made.start()
    act.tell(OutputEnded())
    pauses = [stage.timers.ring(ExitOverdue, number).seconds for number in range(1, 10)]
    stage.timers.alarms.wait_for(Alarm, 10)
    assert pauses == pytest.approx([0.1, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0])
    process.input.end()
    assert process.wait_ended(SECONDS)
    stage.timers.ring(ExitOverdue, 10)
    assert act.desk.calls.wait_for(Exited) == Exited(0)


def test_an_engine_that_forgot_the_program_is_an_end(stage: Stage) -> None:
    act = ExecAct(stage)
    act.open()
    stage.engine.faults.fail("exec_inspect", NotFound, times=2)
    act.tell(OutputEnded())
    stage.timers.ring(ExitOverdue)
    stage.timers.ring(ExitOverdue, 2)
    exited = act.desk.calls.wait_for(Exited)
    assert exited.status == 255
    assert "CONTAINER_LOST" in exited.notice
    assert stage.book.wait_for("exit_unknown")["code"] == "EXIT_UNKNOWN"


def test_an_engine_that_is_away_at_the_end_is_told(stage: Stage) -> None:
    act = ExecAct(stage)
    act.open()
    stage.engine.go_away()
    act.tell(OutputEnded())
    stage.timers.ring(ExitOverdue)
    assert act.desk.calls.wait_for(Refused).code == "ENGINE_UNAVAILABLE"
    assert len(ended_with(act)) == 1


@pytest.mark.parametrize("message", [EventsLost(), ContainerLost(LOST)])
def test_whoever_may_have_missed_an_end_asks(stage: Stage, message: object) -> None:
    stage.engine.drop_events()
    act = ExecAct(stage)
    process = act.open("exit 4").start()
    assert process.wait_ended(SECONDS)
    act.tell(message)
    stage.timers.ring(ExitOverdue)
    assert act.desk.calls.wait_for(Exited) == Exited(4)
    act.tell(OutputEnded())
    assert ended_with(act) == [Exited(4)]


def test_events_that_were_lost_while_the_program_runs_change_nothing(stage: Stage) -> None:
    act = ExecAct(stage)
    made = act.open("read line")
    process = made.start()
    act.tell(EventsLost())
    stage.timers.ring(ExitOverdue)
    act.settle()
    assert act.state is State.RUNNING
    assert len(stage.timers.alarms.of(Alarm)) == 1
    process.input.end()
    assert act.desk.calls.wait_for(Exited) == Exited(1)


def test_a_container_that_is_lost_before_the_program_was_asked_for_is_the_connections_to_tell(stage: Stage) -> None:
    act = ExecAct(stage)
    act.tell(ContainerLost(LOST))
    assert act.state is State.NEW
    act.tell(RunShell())
    stage.told_parent.wait_for(ContainerWanted)
    lost = refuse(Code.CONTAINER_LOST, "it ended")
    act.tell(lost)
    assert act.desk.calls.wait_for(Refused) == lost


def test_a_container_that_is_lost_while_one_is_awaited_is_told_once(stage: Stage) -> None:
    act = ExecAct(stage)
    act.tell(RunShell())
    stage.told_parent.wait_for(ContainerWanted)
    lost = refuse(Code.CONTAINER_LOST, "it ended")
    act.tell(ContainerLost(LOST), lost)
    [told] = ended_with(act)
    assert isinstance(told, Refused)
    assert (told.code, told.user) == (lost.code, lost.user)
    assert stage.count("sshore_refusals_total", code="CONTAINER_LOST") == 1


def test_signals_go_through_the_containers_control_shell(stage: Stage) -> None:
    act = ExecAct(stage)
    act.open()
    act.tell(SendSignal("USR1"))
    assert stage.told_parent.wait_for(ControlLine).line == f"signal_group USR1 {PID}"


def test_a_signal_that_the_connection_has_not_come_to_yet_is_not_sent_twice(stage: Stage) -> None:
    act = ExecAct(stage)
    act.open()
    act.tell(*[SendSignal("USR1"), SendSignal("USR2")] * 100)
    act.settle()
    usr1, usr2 = control_lines(stage)
    assert (usr1, usr2) == (f"signal_group USR1 {PID}", f"signal_group USR2 {PID}")
    act.tell(ControlLine(usr1), SendSignal("USR1"), SendSignal("USR2"))
    act.settle()
    assert control_lines(stage) == [usr1, usr2, usr1]


def test_a_signal_before_the_program_has_said_its_pid_is_kept(stage: Stage) -> None:
    act = ExecAct(stage)
    act.tell(RunExec("cat"), SendSignal("USR1"))
    stage.told_parent.wait_for(ContainerWanted)
    act.tell(stage.idle_container())
    act.opening()
    act.tell(SendSignal("TERM"), SendSignal("USR1"))
    act.settle()
    assert control_lines(stage) == []
    act.tell(StreamOpened(PID))
    act.settle()
    assert control_lines(stage) == [f"signal_group USR1 {PID}", f"signal_group TERM {PID}"]


def test_a_signal_after_the_programs_end_reaches_nobody(stage: Stage) -> None:
    act = ExecAct(stage)
    act.open("exit 3")
    act.exec().start()
    act.desk.calls.wait_for(Exited)
    act.tell(SendSignal("TERM"))
    act.settle()
    assert [line for line in control_lines(stage) if line.startswith("signal")] == []


def test_a_window_change_reaches_the_terminal(stage: Stage) -> None:
    act = ExecAct(stage)
    made = act.open(pty=XTERM)
    act.tell(ResizeWindow(120, 50))
    act.settle()
    assert made.sizes == [(120, 50)]


def test_of_a_storm_of_window_changes_the_engine_is_told_the_last(stage: Stage) -> None:
    act = ExecAct(stage)
    made = act.open(pty=XTERM)
    release = stage.engine.faults.hang("exec_resize")
    act.tell(*(ResizeWindow(columns, 24) for columns in range(81, 200)))
    release()
    act.settle()
    assert made.sizes[-1] == (199, 24)
    assert len(made.sizes) <= 2


def test_an_engine_that_sizes_terminals_is_not_helped(stage: Stage) -> None:
    stage.engine.sizes_terminals = True
    act = ExecAct(stage)
    made = act.open(pty=XTERM)
    act.settle()
    assert (made.spec.argv[5], made.spec.size, made.sizes) == ("", (80, 24), [])


@pytest.mark.parametrize(("columns", "rows", "settings"), [(0, 30, "rows 30"), (80, 0, "cols 80"), (0, 0, "")])
def test_a_size_with_a_zero_is_set_by_the_launcher_whatever_the_engine(
    stage: Stage, columns: int, rows: int, settings: str
) -> None:
    stage.engine.sizes_terminals = True
    act = ExecAct(stage)
    made = act.open(pty=RequestPty("xterm", columns, rows))
    act.settle()
    assert (made.spec.argv[5], made.sizes) == (settings, [])


def test_the_clients_terminal_modes_are_set_by_the_launcher(stage: Stage) -> None:
    act = ExecAct(stage)
    made = act.open(pty=RequestPty("xterm", 80, 24, ((53, 0), (3, 8))))
    assert made.spec.argv[5] == "cols 80,rows 24,-echo,erase ^H"


def test_a_window_change_before_the_start_is_the_size_that_the_program_starts_with(stage: Stage) -> None:
    act = ExecAct(stage)
    act.tell(XTERM, ResizeWindow(100, 30))
    act.open()
    assert act.exec().spec.argv[5] == "cols 100,rows 30"
    assert act.exec().sizes == []


def test_a_window_change_while_the_program_starts_is_not_lost(stage: Stage) -> None:
    act = ExecAct(stage)
    act.run(pty=XTERM)
    made = act.exec()
    act.tell(ResizeWindow(132, 43), StreamOpened(PID))
    act.settle()
    assert made.sizes == [(132, 43)]


@pytest.mark.parametrize("error", [NotFound, Conflict])
def test_a_terminal_that_is_gone_cannot_be_resized_and_that_is_no_failure(
    stage: Stage, error: type[EngineError]
) -> None:
    act = ExecAct(stage)
    act.open(pty=XTERM)
    stage.engine.faults.fail("exec_resize", error)
    act.tell(ResizeWindow(1, 1))
    assert act.state is State.RUNNING


def test_the_loop_hears_which_size_the_terminal_has(stage: Stage) -> None:
    act = ExecAct(stage)
    made = act.open(pty=XTERM)
    release = stage.engine.faults.hang("exec_resize")
    act.tell(*(ResizeWindow(80 + number, 24, number) for number in range(1, 10)))
    assert 9 not in act.desk.sizes_set.all
    release()
    act.settle()
    assert act.desk.sizes_set.all[-1] == 9
    assert made.sizes[-1] == (89, 24)


@pytest.mark.parametrize("error", [NotFound, TimedOut])
def test_the_loop_hears_of_a_size_that_cannot_be_set_as_well(stage: Stage, error: type[EngineError]) -> None:
    act = ExecAct(stage)
    act.open(pty=XTERM)
    stage.engine.faults.fail("exec_resize", error)
    act.tell(ResizeWindow(1, 1, 7))
    act.settle()
    assert act.desk.sizes_set.all == [7]


def test_a_size_that_a_program_starts_with_holds_nothing_up(stage: Stage) -> None:
    act = ExecAct(stage)
    act.tell(XTERM, ResizeWindow(100, 30, 1))
    act.open()
    assert act.desk.sizes_set.all == [1]


def test_a_window_change_without_a_terminal_does_nothing(stage: Stage) -> None:
    act = ExecAct(stage)
    made = act.open()
    act.tell(ResizeWindow(1, 1))
    act.settle()
    assert made.sizes == []


def closed_in(act: ExecAct, state: State) -> None:
    """Bring the session to a state, then close its channel."""
    if state is State.PREPARING:
        act.tell(RunShell())
    elif state is State.OPENING:
        act.run()
    elif state is not State.NEW:
        act.open()
    if state is State.SILENT:
        act.tell(OutputEnded())
    if state is State.OVER:
        act.tell(ProgramEnded(0))
    assert act.state is state
    act.leave()


@pytest.mark.parametrize("state", [state for state in State if state not in (State.LEAVING, State.CLOSED)])
def test_a_channel_may_close_in_every_state(stage: Stage, state: State) -> None:
    act = ExecAct(stage)
    closed_in(act, state)
    stage.told_parent.wait_for(ChildEnded)
    running = state in (State.RUNNING, State.SILENT)
    assert control_lines(stage) == ([f"hangup {PID}"] if running else [])
    assert len(act.desk.ends) == 1
    assert stage.count("sshore_sessions_current") == 0
    assert stage.book.of("actor_failed") == []


def test_a_program_that_was_given_up_is_ended_with_its_channel(stage: Stage) -> None:
    act = ExecAct(stage)
    act.open()
    stage.engine.faults.fail("exec_inspect", TimedOut)
    act.tell(OutputEnded())
    stage.timers.ring(ExitOverdue)
    act.desk.calls.wait_for(Refused)
    ended_with(act)
    assert control_lines(stage) == [f"hangup {PID}"]


def test_the_end_of_a_program_is_not_watched_any_more_behind_its_session(stage: Stage) -> None:
    act = ExecAct(stage)
    made = act.open("read line")
    ended_with(act)
    assert stage.watcher._register._callbacks == {}
    made.start()
    stage.engine.lose_connections()


# Output that stands still.


def test_who_asks_about_stalled_output_is_told_whether_the_program_has_ended(stage: Stage) -> None:
    act = ExecAct(stage)
    made = act.open("read line")
    stage.engine.drop_events()
    made.start()
    act.tell(OutputStalled())
    assert act.desk.calls.wait_for(Stalled) == Stalled(over=False)
    made.process.input.end()
    assert made.process.wait_ended(SECONDS)
    act.tell(OutputStalled())
    act.settle()
    assert act.desk.calls.all[-1] == Stalled(over=True)
    act.tell(OutputEnded())
    stage.timers.ring(ExitOverdue)
    assert act.desk.calls.wait_for(Exited) == Exited(1)
    ended_with(act)


@pytest.mark.parametrize(
    ("error", "over"), [(NotFound, True), (TimedOut, True), (Unavailable, False), (ServerFault, False)]
)
def test_an_engine_that_knows_nothing_of_a_program_or_does_not_say_it_is_to_be_read_from(
    stage: Stage, error: type[EngineError], over: bool
) -> None:
    act = ExecAct(stage)
    act.open("read line").start()
    stage.engine.faults.fail("exec_inspect", error)
    act.tell(OutputStalled())
    assert act.desk.calls.wait_for(Stalled) == Stalled(over)
    assert act.state is State.RUNNING
    act.leave()
    stage.told_parent.wait_for(ChildEnded)
