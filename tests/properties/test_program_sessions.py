"""A session in the loop, told anything in any order by its transport, its actor and its stream."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any, cast

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from pykka import ActorDeadError
from sshore.actors.messages import ChannelClosed, Exited, OutputStalled, RunExec, RunShell, RunSubsystem, StreamOpened
from sshore.actors.ref import Ref
from sshore.actors.refusals import RefusedError, refuse
from sshore.backend.output_flow import Pace
from sshore.backend.session import ProgramSession
from sshore.config.models import ExecutionConfig
from sshore.engine.errors import Unavailable
from sshore.engine.interface import ProgramReceiver
from sshore.metrics.codes import Code
from sshore.metrics.counters import Metrics
from support.client import Client
from support.clocks import PaperLoop, complaints_of
from support.effort import in_time, tries
from support.logbook import Logbook

pytestmark = in_time

LONG = 60.0
"""Seconds after which no timer of a session may be left."""

words = st.sampled_from(["", "A", "TERM", "LD_PRELOAD", "a=b", "a\0"])
numbers = st.integers(0, 70_000)
requests = st.sampled_from([RunShell(), RunExec("cat"), RunSubsystem("sftp")])
pieces = st.sampled_from([b"", b"x", b"\n", b"4", b"12 34", b"7\n", b"7\r\nmore\n", b"exec: no such thing\r\n"])
ends = st.sampled_from([Exited(0), Exited(137, "it was killed"), refuse(Code.CONTAINER_LOST, "made up")])


class PaperStream:
    """A program's stream that remembers what it was given."""

    def __init__(self) -> None:
        self.input = b""
        self.eofs = 0
        self.paused = False
        self.closings = 0

    def write(self, data: bytes | memoryview) -> None:
        assert not self.eofs, "input behind its end"
        self.input += data

    def write_eof(self) -> None:
        self.eofs += 1

    def pause_output(self) -> None:
        self.paused = True

    def resume_output(self) -> None:
        self.paused = False

    def close(self) -> None:
        self.closings += 1


class PaperActor:
    """Hears what the session's actor is told, in the loop's own thread, until it is gone."""

    def __init__(self) -> None:
        self.heard: list[object] = []
        self.gone = False

    def tell(self, message: object) -> None:
        if self.gone:
            raise ActorDeadError("gone")
        self.heard.append(message)

    def count(self, kind: type) -> int:
        return sum(isinstance(message, kind) for message in self.heard)


class Channel(RuleBasedStateMachine):
    """One session between a transport, an actor and a stream that keep to their own contracts and to nothing else."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = PaperLoop()
        self.complaints = complaints_of(self.loop)
        self.actor = PaperActor()
        self.client = Client()
        self.stream = PaperStream()
        self.opens: asyncio.Future[PaperStream] = self.loop.create_future()
        self.book = Logbook()
        self.session = ProgramSession(self.loop, self, Metrics(), self.book.log, ExecutionConfig(), Pace(self.loop))
        self.session.bind(cast(Ref, self.actor))
        self.closings = 0
        self.session.at_close.append(self._note_closing)
        self.answered = 0
        self.asked_for_stream = self.stream_over = self.ended = self.closed = self.eof = self.attached = False
        self.written = b""
        self.said = b""

    # The transport.

    @rule(name=words, value=words)
    def env(self, name: str, value: str) -> None:
        self._requested(lambda: self.session.env(name, value))

    @rule(columns=numbers, rows=numbers)
    def pty(self, columns: int, rows: int) -> None:
        self._requested(lambda: self.session.pty("xterm", columns, rows))

    @rule(columns=numbers, rows=numbers)
    def window(self, columns: int, rows: int) -> None:
        self._requested(lambda: self.session.window(columns, rows))

    @rule(name=st.sampled_from(["INT", "KILL", "SIGINT", ""]))
    def signal(self, name: str) -> None:
        self._requested(lambda: self.session.signal(name))

    @rule(request=requests)
    def start(self, request: RunShell | RunExec | RunSubsystem) -> None:
        self._requested(lambda: self.session.start(request, self.client))

    @rule(data=st.binary(min_size=1, max_size=4))
    @precondition(lambda self: not self.eof)
    def write(self, data: bytes) -> None:
        self.written += data
        self._do(lambda: self.session.write(data))

    @rule()
    def write_eof(self) -> None:
        self.eof = not self.session._tty or self.eof
        self._do(self.session.write_eof)

    @rule(paused=st.booleans())
    def client_reads(self, paused: bool) -> None:
        self._do(self.session.pause_output if paused else self.session.resume_output)

    @rule()
    def close(self) -> None:
        self.closed = True
        self._do(self.session.close)

    # The actor. It asks for one stream, says one word about the end, and may be gone at any time.

    @rule(attach=st.booleans())
    @precondition(lambda self: not self.asked_for_stream and not self.ended)
    def ask_for_stream(self, attach: bool) -> None:
        self.asked_for_stream, self.attached = True, attach
        ask = self.session.open_attach if attach else self.session.open_exec
        self._do(lambda: ask("one", tty=self.session._tty, timeout=1.0))

    @rule(sentence=st.sampled_from(["pulling", ""]))
    @precondition(lambda self: not self.ended)
    def waits(self, sentence: str) -> None:
        self._do(lambda: self.session.waiting(sentence))

    @rule()
    @precondition(lambda self: self.actor.count(StreamOpened) and not self.ended)
    def runs(self) -> None:
        self._do(self.session.running)

    @rule(over=st.booleans())
    @precondition(lambda self: self._questions > self.answered and not self.ended)
    def says_whether_it_ended(self, over: bool) -> None:
        self.answered = self._questions
        self._do(lambda: self.session.stalled(over=over))

    @rule(end=ends)
    @precondition(lambda self: not self.ended)
    def says_how_it_ended(self, end: Any) -> None:
        # What never started cannot have ended well.
        if isinstance(end, Exited) and not self.actor.count(StreamOpened):
            return
        self.ended = True
        self._do(lambda: self.session.exited(end) if isinstance(end, Exited) else self.session.refused(end))

    @rule()
    def actor_is_gone(self) -> None:
        self.actor.gone = True

    # The stream.

    @rule(fails=st.booleans())
    @precondition(lambda self: not self.opens.done())
    def stream_opens(self, fails: bool) -> None:
        if fails:
            self.stream_over = True
            self._do(lambda: self.opens.set_exception(Unavailable("exec_start", "made up")))
        else:
            self._do(lambda: self.opens.set_result(self.stream))

    @rule(data=pieces, stderr=st.booleans())
    @precondition(lambda self: self._stream_delivers)
    def program_speaks(self, data: bytes, stderr: bool) -> None:
        self.said += b"" if stderr else data
        self._do(lambda: self.session.output_received(memoryview(data), stderr=stderr))

    @rule(failure=st.sampled_from([None, Unavailable("stream", "reset")]))
    @precondition(lambda self: self._stream_delivers)
    def stream_ends(self, failure: Exception | None) -> None:
        self.stream_over = True
        self._do(lambda: self.session.ended(failure))

    @rule(paused=st.booleans())
    @precondition(lambda self: self._stream_delivers)
    def program_reads(self, paused: bool) -> None:
        self._do(self.session.pause_input if paused else self.session.resume_input)

    @rule(seconds=st.sampled_from([0.1, 1.0, 3.0, 6.0]))
    def time_passes(self, seconds: float) -> None:
        self.loop.run_until_complete(asyncio.sleep(seconds))

    @invariant()
    def tells_the_truth(self) -> None:
        assert len(self.client.ends) <= 1
        assert self.complaints == []
        assert self.written.startswith(self.stream.input)
        assert self.said.endswith(bytes(self.client.stdout)) or self.session._sink is None
        assert bytes(self.client.stdout) in self.said
        assert self.closings <= 1
        assert self._questions - self.answered <= 1, "a question behind an open one"
        if self.closed:
            assert self.session._sink is None

    def teardown(self) -> None:
        try:
            self._end_well()
        finally:
            self.opens.cancel()
            self.session.close()
            self.loop.run_until_complete(asyncio.sleep(LONG))
            self.loop.close()

    def _end_well(self) -> None:
        """Whoever is still there does his part: the actor says its word, the client reads, the channel closes."""
        if not self.ended:
            self.says_how_it_ended(refuse(Code.CONTAINER_LOST, "the machine's end"))
        self.client_reads(False)
        self.time_passes(LONG)
        assert len(self.client.ends) == 1 or self.closed or not self.session._started, "it is stuck"
        self.close()
        self.time_passes(LONG)
        self.tells_the_truth()
        assert self.closings == 1
        assert self.actor.count(ChannelClosed) == 1 or self.actor.gone
        assert bool(self.stream.closings) == (self.session._stream is not None)
        assert self.session._opening is None or self.session._opening.done()

    @property
    def _stream_delivers(self) -> bool:
        return self.session._stream is not None and not self.stream_over and not self.stream.closings

    @property
    def _questions(self) -> int:
        return self.actor.count(OutputStalled)

    # StreamOpener
    def open_exec(self, exec_id: str, receiver: ProgramReceiver, **_: object) -> Any:
        return self._opened()

    def open_attach(self, container_id: str, receiver: ProgramReceiver, **_: object) -> Any:
        return self._opened()

    async def _opened(self) -> PaperStream:
        return await self.opens

    def _note_closing(self) -> None:
        self.closings += 1

    def _requested(self, request: Callable[[], None]) -> None:
        def attempt() -> None:
            with contextlib.suppress(RefusedError):
                request()

        self._do(attempt)

    def _do(self, step: Callable[[], object]) -> None:
        """Take a step in the loop, and let it do what follows at once."""

        async def taken() -> None:
            step()
            for _ in range(5):
                await asyncio.sleep(0)

        self.loop.run_until_complete(taken())


def test_a_session_tells_one_end_and_lets_its_stream_go_whatever_happens_around_it() -> None:
    run_state_machine_as_test(Channel, settings=tries(200, stateful_step_count=30))
