"""A stream on named pipes beside an engine's that only ends, with programs of this machine at the other end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sshore.engine.errors import Unavailable
from sshore.engine.launcher import APART, PIPED
from sshore.engine.pipes import growth, stream
from sshore.engine.pipes.budget import GROWN_SIZE, PIPE_SIZE
from sshore.engine.pipes.directories import MOUNT_POINT, GatewayDirectory
from sshore.engine.pipes.stream import PipedStream
from support.client import eventually
from support.paper_stream import PaperStream
from support.recorder import Recorder

MIB = 1024 * 1024


class Bench:
    """One stream, and a shell of this machine at the other end of its pipes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.gateway = GatewayDirectory(folder, "machine", "me")
        directory = self.gateway.for_container("one")
        self.told: list[str] = []
        self.fifos = directory.make_set(told=self.told.append)
        self.recorder = Recorder()
        self.engine = PaperStream()
        self.ends_of_engine: list[bool] = []
        self.stream = PipedStream(
            self.recorder, self.fifos, lambda: self.ends_of_engine.append(self.recorder.has_ended)
        ).beside(self.engine)
        self._path = f"{directory.path}{self.fifos.path.removeprefix(MOUNT_POINT)}"
        self._program: subprocess.Popen[bytes] | None = None

    def run(self, script: str) -> None:
        """Start the script on the pipes, and let its launcher say so."""
        path = self._path
        moved = f"exec <{path}.in >{path}.out 2>{path}.err; echo >&3; exec 3>&-; {script}"
        reading, writing = os.pipe()
        self._program = subprocess.Popen(
            ["bash", "-c", f"exec 3>&{writing} {writing}>&-; {moved}"], pass_fds=[writing], start_new_session=True
        )
        os.close(writing)
        os.read(reading, 1)
        os.close(reading)
        assert self.stream.carry(PIPED)

    async def ended(self) -> int:
        """Wait for the program's own end and tell the stream of it, as the engine's does."""
        assert self._program is not None
        status = await asyncio.to_thread(self._program.wait, 20)
        self.stream.ended(None)
        return status

    def close(self) -> None:
        self.stream.close()
        if self._program:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._program.pid, signal.SIGKILL)
            self._program.wait()


def descriptors() -> int:
    """Return how many this process has open."""
    return len(os.listdir("/proc/self/fd"))


async def two_turns() -> None:
    """Let the loop look at its descriptors, and see to what it saw."""
    for _ in range(2):
        await asyncio.sleep(0)


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.close()


async def test_bytes_are_exact_both_ways_and_the_end_waits_for_both(bench: Bench) -> None:
    bench.run("cat; echo e >&2; exec >&- 2>&-; sleep 0.2; exit 3")
    sent = os.urandom(3 * MIB)
    for start in range(0, len(sent), 100_000):
        bench.stream.write(sent[start : start + 100_000])
    bench.stream.write_eof()
    assert await bench.ended() == 3
    assert await bench.recorder.until_ended() is None
    assert (bytes(bench.recorder.stdout) == sent, bytes(bench.recorder.stderr)) == (True, b"e\n")
    assert bench.engine.calls == ["close"]
    assert bench.fifos.budget.left == 16 * MIB // PIPE_SIZE


async def test_a_launcher_that_stays_with_the_engine_leaves_all_to_it(bench: Bench) -> None:
    assert not bench.stream.carry(APART)
    bench.stream.write(b"typed")
    bench.stream.write_eof()
    bench.stream.pause_output()
    bench.stream.resume_output()
    bench.stream.output_received(b"said", stderr=False)
    bench.stream.ended(None)
    assert await bench.recorder.until_ended() is None
    assert bytes(bench.recorder.stdout) == b"said"
    assert bench.engine.calls == [b"typed", "eof", "pause", "resume", "close"]
    assert bench.told == [APART]


async def test_while_it_is_paused_nothing_comes_and_nothing_is_lost(bench: Bench) -> None:
    said = bench.folder / "said"
    bench.run(f"head -c 4000 /dev/zero; touch {said}; head -c 296000 /dev/zero")
    bench.stream.pause_output()
    await eventually(said.exists, "the program's first output")
    await two_turns()
    assert bench.recorder.stdout == b""
    bench.stream.resume_output()
    await bench.ended()
    await bench.recorder.until_ended()
    assert len(bench.recorder.stdout) == 300_000


async def test_a_program_that_does_not_read_pauses_its_writer_and_none_that_is_gone(bench: Bench) -> None:
    bench.run("read -r line; exit 4")
    while not bench.recorder.input_paused:
        bench.stream.write(bytes(100_000))
    bench.stream.write(b"\n")
    bench.stream.write_eof()
    assert (await bench.ended(), await bench.recorder.until_ended()) == (4, None)


async def test_an_engine_that_is_lost_ends_it_at_once(bench: Bench) -> None:
    bench.run("sleep 100")
    failure = Unavailable("exec", "the connection was lost")
    bench.stream.ended(failure)
    assert (bench.recorder.has_ended, bench.recorder.failure) == (True, failure)


async def test_what_a_program_left_behind_is_heard_to_its_end(bench: Bench) -> None:
    bench.run("(sleep 0.1; echo late) & echo now; exit 0")
    await bench.ended()
    assert await bench.recorder.until_ended() is None
    assert bytes(bench.recorder.stdout) == b"now\nlate\n"
    assert bench.ends_of_engine == [False]


async def test_a_busy_pipe_grows_and_is_as_before_once_it_is_idle(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(growth, "IDLE", 0.1)
    budget = bench.fifos.budget
    before = budget.left
    resized: list[tuple[str, int]] = []

    def note(name: str) -> None:
        resize = getattr(budget, name)

        def noted(descriptor: int) -> bool:
            done = bool(resize(descriptor))
            if done:
                resized.append((name, before - budget.left))
            return done

        monkeypatch.setattr(budget, name, noted)

    note("grow")
    note("shrink")
    # Not twice as much as it grows for.
    bench.run(f"head -c {3 * MIB // 2} /dev/zero; read -r line")
    await eventually(lambda: len(resized) == 2, lambda: f"both, but {resized}")
    assert resized == [("grow", GROWN_SIZE // PIPE_SIZE - 1), ("shrink", 0)]
    await eventually(lambda: len(bench.recorder.stdout) == 3 * MIB // 2)


async def test_what_is_still_heard_counts_until_it_is_not(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "LAST_WORDS", 0.2)
    all_of_it = 16 * MIB // PIPE_SIZE
    bench.run("sleep 600")
    bench.stream.close()
    assert bench.fifos.budget.left == all_of_it - len(("out", "err"))
    await eventually(lambda: bench.fifos.budget.left == all_of_it)


async def test_who_opens_stdin_after_its_end_gets_what_is_left_and_the_end(bench: Bench) -> None:
    bench.run("cat; cat /dev/stdin; exec 3</dev/fd/0; wc -c <&3; exit 5")
    bench.stream.write(b"typed")
    bench.stream.write_eof()
    assert await bench.ended() == 5
    assert await bench.recorder.until_ended() is None
    assert bytes(bench.recorder.stdout) == b"typed0\n"


async def test_nobody_is_woken_once_nobody_has_stdin_open(bench: Bench) -> None:
    bench.run("read -r line; exec <&-; sleep 600")
    open_before = descriptors()
    bench.stream.write(b"line\n")
    bench.stream.write_eof()
    await eventually(lambda: descriptors() == open_before - 1, "the end of the watch")


async def test_a_closed_stream_leaves_no_descriptor_to_wake_by(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "LAST_WORDS", 0.0)
    ends = 3
    bench.run("sleep 600")
    open_before = descriptors()
    bench.stream.write_eof()
    bench.stream.close()
    await eventually(lambda: descriptors() == open_before - ends, "the end of all three")
