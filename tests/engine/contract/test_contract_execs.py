"""What every engine promises about execs: their streams apart, their ends, their signals."""

import asyncio

import pytest
from sshore.engine.control_shell import hangup_line, signal_line
from sshore.engine.errors import Conflict, NotFound
from sshore.engine.launcher import Argv, Command, launch_argv
from sshore.engine.types import ContainerDied, ExecState, ProgramEnded
from support.recorder import Recorder

T = 20.0


async def test_stdout_and_stderr_come_apart_and_the_exit_code_by_event(bench, events):
    container, _ = bench.idle()
    exec_id, _, recorder = await bench.shell(container, "echo out; echo err >&2; exit 7")
    assert await recorder.until_ended() is None
    assert (bytes(recorder.stdout), bytes(recorder.stderr)) == (b"out\n", b"err\n")
    assert events.wait_for(exec_id, ProgramEnded) == ProgramEnded(7)
    assert bench.engine.inspect_exec(exec_id, timeout=T) == ExecState(running=False, exit_code=7)


async def test_an_exec_that_was_not_started_has_no_exit_code(bench):
    container, _ = bench.idle()
    exec_id = bench.exec(container, "true")
    assert bench.engine.inspect_exec(exec_id, timeout=T) == ExecState(running=False, exit_code=None)


async def test_a_running_exec_has_no_exit_code(bench):
    container, _ = bench.idle()
    exec_id, _, recorder = await bench.shell(container, "echo up; sleep 1000")
    await recorder.until_stdout(b"up")
    assert bench.engine.inspect_exec(exec_id, timeout=T) == ExecState(running=True, exit_code=None)


async def test_the_environment_and_the_folder_are_given(bench):
    container, _ = bench.idle()
    _, _, recorder = await bench.shell(container, "echo $FOO; pwd", env=("FOO=a b",), workdir="/tmp")
    await recorder.until_ended()
    assert bytes(recorder.stdout) == b"a b\n/tmp\n"


async def test_a_tty_merges_stderr_into_stdout(bench):
    container, _ = bench.idle()
    _, _, recorder = await bench.shell(container, "echo out; echo err >&2", tty=True)
    assert await recorder.until_ended() is None
    assert (bytes(recorder.stdout), bytes(recorder.stderr)) == (b"out\r\nerr\r\n", b"")


async def test_a_tty_echoes_and_obeys_ctrl_c(bench, events):
    container, _ = bench.idle()
    exec_id, stream, recorder = await bench.shell(container, "read line; echo got $line; sleep 1000", tty=True)
    stream.write(b"hello\r")
    await recorder.until_stdout(b"hello\r\ngot hello\r\n")
    stream.write(b"\x03")
    await recorder.until_ended()
    assert events.wait_for(exec_id, ProgramEnded).exit_code == 130


async def test_a_program_that_does_not_exist_says_so_and_ends_as_in_a_shell(bench):
    container, _ = bench.idle()
    exec_id, _, recorder = await bench.open(container, "/no/such/program")
    await recorder.until_ended()
    assert b"/no/such/program" in (recorder.stderr if bench.is_podman else recorder.stdout)
    # Docker until 26 says 126, then 127.
    assert bench.engine.inspect_exec(exec_id, timeout=T) in [ExecState(running=False, exit_code=n) for n in (126, 127)]


async def test_an_unknown_exec_is_not_found(bench):
    with pytest.raises(NotFound):
        bench.engine.inspect_exec("0" * 64, timeout=T)
    with pytest.raises(NotFound):
        await bench.engine.streams.open_exec("0" * 64, Recorder(), tty=False, timeout=T)


async def test_an_exec_runs_only_once(bench):
    container, _ = bench.idle()
    exec_id, _, first = await bench.shell(container, "echo once")
    await first.until_ended()
    second = Recorder()
    again = bench.engine.streams.open_exec(exec_id, second, tty=False, timeout=T)
    if bench.is_podman:
        with pytest.raises(Conflict):
            await again
    else:
        await again
        await second.until_ended()
        assert b"already run" in second.stdout


async def test_an_exec_in_a_stopped_container_is_a_conflict(bench, events):
    container = bench.container("sleep", "1000", host={"AutoRemove": False})
    bench.engine.start_container(container, timeout=T)
    exec_id = bench.exec(container, "true")
    bench.engine.kill_container(container, "KILL", timeout=T)
    events.wait_for(container, ContainerDied)
    with pytest.raises((Conflict, NotFound)):
        await bench.engine.streams.open_exec(exec_id, Recorder(), tty=False, timeout=T)


async def test_the_launcher_says_its_pid_before_the_program_speaks(bench):
    container, _ = bench.idle()
    argv = launch_argv(Argv(("echo", "a b", "c")), say_pid=True)
    _, _, recorder = await bench.open(container, *argv)
    await recorder.until_ended()
    pid, rest = bytes(recorder.stdout).split(b"\n", 1)
    assert int(pid.split()[0]) > 1
    assert rest == b"a b c\n"


async def test_a_signal_through_the_control_shell_reaches_the_program(bench, events):
    container, control = bench.idle()
    program = Command("trap 'echo got; exit 3' USR1; echo ready; sleep 1000 & wait")
    exec_id, _, recorder = await bench.open(container, *launch_argv(program, say_pid=True))
    await recorder.until_stdout(b"ready\n")
    control.send_line(signal_line("USR1", int(recorder.stdout.split()[0])), timeout=T)
    await recorder.until_ended()
    assert recorder.stdout.endswith(b"got\n")
    assert events.wait_for(exec_id, ProgramEnded).exit_code == 3


async def test_a_hangup_through_the_control_shell_ends_the_program(bench, events):
    container, control = bench.idle()
    argv = launch_argv(Argv(("sleep", "1000")), say_pid=True)
    exec_id, _, recorder = await bench.open(container, *argv)
    await recorder.until_stdout(b"\n")
    control.send_line(hangup_line(int(recorder.stdout.split()[0])), timeout=T)
    assert events.wait_for(exec_id, ProgramEnded).exit_code == 129
    await recorder.until_ended()


async def test_a_program_that_ignores_the_hangup_is_killed_a_second_later(bench, events):
    container, control = bench.idle()
    program = Command("trap : HUP; echo ready; read line")
    exec_id, _, recorder = await bench.open(container, *launch_argv(program, say_pid=True))
    await recorder.until_stdout(b"ready\n")
    control.send_line(hangup_line(int(recorder.stdout.split()[0])), timeout=T)
    await recorder.until_ended()
    assert events.wait_for(exec_id, ProgramEnded).exit_code in (1, 137)


async def test_no_first_byte_is_lost_in_two_hundred_quick_execs(bench):
    container, _ = bench.idle()
    lanes = asyncio.Semaphore(8)

    async def once(number: int) -> bytes:
        async with lanes:
            _, _, recorder = await bench.open(container, "echo", str(number))
            await recorder.until_ended()
            return bytes(recorder.stdout)

    said = await asyncio.gather(*(once(number) for number in range(200)))
    assert said == [b"%d\n" % number for number in range(200)]
