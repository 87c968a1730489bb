"""What every engine promises about the bytes of a program: none lost, none unbounded, ends exact."""

import asyncio
import hashlib

import pytest
from sshore.engine.control_shell import signal_line
from sshore.engine.errors import NotFound
from sshore.engine.launcher import Command, launch_argv
from sshore.engine.types import ContainerGone, ProgramEnded
from support.recorder import Recorder

T = 20.0
READ_AHEAD = 512 * 1024
"""Bytes that may still be delivered after `pause_output`: one read."""


async def test_all_output_returns_after_stdin_has_ended(bench):
    container, _ = bench.idle()
    _, stream, recorder = await bench.open(container, "cat")
    data = hashlib.sha512(b"seed").digest() * 16_384
    stream.write(data)
    stream.write_eof()
    assert await recorder.until_ended() is None
    assert recorder.stdout == data


async def test_an_empty_stdin_does_not_cut_the_output(bench):
    container, _ = bench.idle()
    _, stream, recorder = await bench.shell(container, "cat; sleep 0.2; echo late")
    stream.write_eof()
    assert await recorder.until_ended() is None
    assert bytes(recorder.stdout) == b"late\n"


async def test_ending_stdin_twice_or_writing_behind_it_does_nothing(bench):
    container, _ = bench.idle()
    _, stream, recorder = await bench.open(container, "cat")
    stream.write(b"data")
    stream.write_eof()
    stream.write_eof()
    stream.write(b"late")
    assert await recorder.until_ended() is None
    assert bytes(recorder.stdout) == b"data"
    stream.write(b"later")
    stream.write_eof()
    stream.close()


async def test_a_program_that_does_not_read_its_stdin_keeps_its_output_and_status(bench, events):
    container, _ = bench.idle()
    exec_id, stream, recorder = await bench.shell(container, "head -c 100000 /dev/zero; exit 3")
    while not recorder.has_ended and not recorder.input_paused:
        stream.write(bytes(32_768))
    assert await recorder.until_ended() is None
    if bench.is_podman:
        # It stops carrying output when it cannot write input any more.
        assert bytes(100_000).startswith(recorder.stdout)
    else:
        assert recorder.stdout == bytes(100_000)
    assert events.wait_for(exec_id, ProgramEnded).exit_code == 3


async def test_a_paused_output_does_not_grow(bench):
    container, _ = bench.idle()
    total = 20_000_000
    _, stream, recorder = await bench.open(container, "head", "-c", str(total), "/dev/zero")
    await recorder.until_stdout(b"\0")
    stream.pause_output()
    stream.pause_output()
    before = len(recorder.stdout)
    for _ in range(3):
        _, _, other = await bench.shell(container, "echo meanwhile")
        await other.until_ended()
    assert len(recorder.stdout) <= before + READ_AHEAD
    assert not recorder.has_ended
    stream.resume_output()
    stream.resume_output()
    assert await recorder.until_ended() is None
    assert len(recorder.stdout) == total


async def test_an_end_that_comes_while_paused_is_told_after_the_output(bench, events):
    container, _ = bench.idle()
    exec_id, stream, recorder = await bench.shell(container, "read line; echo bye")
    stream.pause_output()
    stream.write(b"\n")
    await asyncio.to_thread(events.wait_for, exec_id, ProgramEnded)
    assert (recorder.calls, recorder.has_ended) == (0, False)
    stream.resume_output()
    assert await recorder.until_ended() is None
    assert bytes(recorder.stdout) == b"bye\n"


async def test_output_paused_at_once_is_not_delivered_before_it_is_resumed(bench, events):
    container, _ = bench.idle()
    exec_id, stream, recorder = await bench.shell(container, "echo first")
    stream.pause_output()
    events.wait_for(exec_id, ProgramEnded)
    assert recorder.calls == 0
    stream.resume_output()
    await recorder.until_ended()
    assert bytes(recorder.stdout) == b"first\n"


async def test_a_program_that_does_not_read_pauses_its_writer(bench):
    container, control = bench.idle()
    program = Command("trap : USR1; sleep 1000 & echo ready; wait; wc -c")
    argv = launch_argv(program, say_pid=True)
    _, stream, recorder = await bench.open(container, *argv)
    await recorder.until_stdout(b"ready\n")
    written = 0
    while not recorder.input_paused:
        stream.write(bytes(32_768))
        written += 32_768
        assert written < 8_000_000
    control.send_line(signal_line("USR1", int(recorder.stdout.split()[0])), timeout=T)
    await recorder.until_input_flows(True)
    stream.write_eof()
    assert await recorder.until_ended() is None
    assert int(recorder.stdout.split()[-1]) == written


async def test_nothing_is_heard_after_close(bench, events):
    container, _ = bench.idle()
    exec_id, stream, recorder = await bench.shell(container, "echo up; cat; echo down")
    await recorder.until_stdout(b"up\n")
    calls = recorder.calls
    stream.close()
    stream.close()
    events.wait_for(exec_id, ProgramEnded)
    _, _, other = await bench.shell(container, "echo later")
    await other.until_ended()
    assert (recorder.calls, recorder.has_ended) == (calls, False)


async def test_an_attached_container_runs_from_its_first_to_its_last_byte(bench, events):
    container = bench.container("/bin/sh", "-c", "echo begin; cat; echo err >&2; exit 4")
    recorder = Recorder()
    stream = await bench.engine.streams.open_attach(container, recorder, tty=False, timeout=T)
    bench.engine.start_container(container, timeout=T)
    stream.write(b"middle\n")
    stream.write_eof()
    assert await recorder.until_ended() is None
    assert bytes(recorder.stdout) == b"begin\nmiddle\n"
    assert bytes(recorder.stderr) == b"err\n"
    events.wait_for(container, ContainerGone)


async def test_an_attached_terminal_is_raw(bench):
    container = bench.container("/bin/sh", "-c", "read line; echo $line >&2", Tty=True)
    recorder = Recorder()
    stream = await bench.engine.streams.open_attach(container, recorder, tty=True, timeout=T)
    bench.engine.start_container(container, timeout=T)
    stream.write(b"hi\r")
    assert await recorder.until_ended() is None
    assert recorder.stdout.endswith(b"hi\r\n")
    assert recorder.stdout.count(b"hi\r\n") == 2


async def test_attaching_to_an_unknown_container_is_not_found(bench):
    with pytest.raises(NotFound):
        await bench.engine.streams.open_attach("contract-nobody", Recorder(), tty=False, timeout=T)


async def test_closing_the_stream_of_a_program_that_reads_its_stdin_ends_it(bench, events):
    container = bench.container("cat")
    recorder = Recorder()
    stream = await bench.engine.streams.open_attach(container, recorder, tty=False, timeout=T)
    bench.engine.start_container(container, timeout=T)
    stream.write(b"x")
    await recorder.until_stdout(b"x")
    stream.close()
    events.wait_for(container, ContainerGone)
