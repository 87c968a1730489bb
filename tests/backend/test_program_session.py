"""One channel in the loop: the order of things between transport, stream and actor."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import AsyncIterator, Coroutine
from typing import Any

import pytest
from sshore.actors.messages import (
    ChannelClosed,
    Exited,
    FirstOutput,
    OutputEnded,
    OutputStalled,
    RequestPty,
    ResizeWindow,
    RunExec,
    RunShell,
    SendSignal,
    SetEnv,
    StartFailed,
    StreamFailed,
    StreamOpened,
)
from sshore.actors.primed import ShellLost
from sshore.actors.ref import Ref
from sshore.actors.refusals import Refused, RefusedError, refuse
from sshore.backend import session, session_end
from sshore.backend.output_flow import Pace
from sshore.backend.session import ProgramSession
from sshore.config.models import ExecutionConfig
from sshore.engine.errors import Unavailable
from sshore.engine.interface import ProgramReceiver
from sshore.metrics.codes import Code
from sshore.metrics.counters import Metrics
from support.client import Client, End, eventually
from support.logbook import Logbook
from support.memory import Memory
from support.paper_stream import PaperStream
from support.stage import Witness

Opening = Coroutine[Any, Any, PaperStream]


class Channel:
    """A session whose actor is a witness and whose stream opens when the test says so."""

    def __init__(self) -> None:
        self.told = Memory()
        self.actor: Ref = Witness.start(self.told)
        self.client = Client()
        self.metrics = Metrics()
        self.stream = PaperStream()
        self.opens: asyncio.Future[PaperStream] = asyncio.get_running_loop().create_future()
        self.openings = 0
        self.closings = 0
        loop = asyncio.get_running_loop()
        self.session = ProgramSession(loop, self, self.metrics, Logbook().log, ExecutionConfig(), Pace(loop))
        self.session.bind(self.actor)
        self.session.at_close.append(self._closed)

    def open_exec(self, exec_id: str, receiver: ProgramReceiver, **_: object) -> Opening:
        return self._open()

    def open_attach(self, container_id: str, receiver: ProgramReceiver, **_: object) -> Opening:
        return self._open()

    async def _open(self) -> PaperStream:
        self.openings += 1
        return await self.opens

    def _closed(self) -> None:
        self.closings += 1

    def run(self) -> None:
        self.session.start(RunExec("cat"), self.client)

    async def ask_for_exec(self, *, tty: bool = False) -> None:
        """Do what the actor does once the exec is there."""
        self.session.open_exec("e1", tty=tty, timeout=1)
        await turn()

    async def ask_for_attach(self) -> None:
        self.session.open_attach("c1", tty=False, timeout=1)
        await turn()

    async def open(self) -> None:
        self.opens.set_result(self.stream)
        await turn()

    def say(self, data: bytes, *, stderr: bool = False) -> None:
        self.session.output_received(memoryview(data), stderr=stderr)

    async def up(self, *, tty: bool = False) -> None:
        """Run a program up to its pid."""
        if tty:
            self.session.pty("xterm", 80, 24)
        self.run()
        await self.ask_for_exec(tty=tty)
        await self.open()
        self.say(b"7\n")

    async def tell(self, end: Exited | Refused) -> None:
        if isinstance(end, Exited):
            self.session.exited(end)
        else:
            self.session.refused(end)
        await turn()

    def messages(self) -> list[object]:
        self.actor.stop()
        return self.told.all


async def turn() -> None:
    """Let the loop do what it has been asked to."""
    for _ in range(5):
        await asyncio.sleep(0)


@pytest.fixture
async def channel() -> AsyncIterator[Channel]:
    made = Channel()
    yield made
    made.session.close()
    made.opens.cancel()
    await turn()
    made.actor.stop()


# Requests.


async def test_requests_reach_the_actor_in_order(channel: Channel) -> None:
    channel.session.env("FOO", "a b")
    channel.session.pty("xterm", 80, 24)
    channel.session.window(100, 30)
    channel.session.start(RunShell(), channel.client)
    channel.session.signal("INT")
    channel.session.taken(ResizeWindow(100, 30, 1))
    await turn()
    channel.session.window(120, 40)
    assert channel.messages() == [
        SetEnv("FOO", "a b"),
        RequestPty("xterm", 80, 24),
        ResizeWindow(100, 30, 1),
        RunShell(),
        SendSignal("INT"),
        ResizeWindow(120, 40, 2),
    ]


@pytest.mark.parametrize("name", ["", "A=B", "A\0B"])
async def test_an_invalid_name_of_a_variable_is_refused(channel: Channel, name: str) -> None:
    with pytest.raises(RefusedError, match="ENV_INVALID"):
        channel.session.env(name, "x")
    assert channel.messages() == []


async def test_a_variable_that_the_kernel_would_not_take_is_refused(channel: Channel) -> None:
    channel.session.env("A", "x" * (131_071 - 2))
    with pytest.raises(RefusedError, match="ENV_TOO_LARGE"):
        channel.session.env("A", "x" * (131_071 - 1))


async def test_requests_out_of_order_are_refused(channel: Channel) -> None:
    with pytest.raises(RefusedError, match="REQUEST_OUT_OF_ORDER"):
        channel.session.window(80, 24)
    with pytest.raises(RefusedError, match="REQUEST_OUT_OF_ORDER"):
        channel.session.signal("INT")
    with pytest.raises(RefusedError, match="SIGNAL_UNKNOWN"):
        channel.session.signal("SIGINT")
    channel.run()
    for late in (
        lambda: channel.session.env("A", "b"),
        lambda: channel.session.pty("xterm", 80, 24),
        lambda: channel.session.start(RunShell(), Client()),
    ):
        with pytest.raises(RefusedError, match="PROGRAM_ALREADY_STARTED"):
            late()
    assert channel.messages() == [RunExec("cat")]


async def test_a_closed_channel_takes_no_request(channel: Channel) -> None:
    channel.session.close()
    with pytest.raises(RefusedError, match="REQUEST_OUT_OF_ORDER"):
        channel.run()


async def test_a_program_of_a_connection_that_is_gone_is_refused(channel: Channel) -> None:
    channel.actor.stop()
    channel.run()
    end = await channel.client.until_end()
    assert isinstance(end, Refused)
    assert end.code == "CONNECTION_ENDING"


async def test_a_refusal_that_comes_before_the_program_is_told_when_it_starts(channel: Channel) -> None:
    refused = refuse(Code.CONNECTION_ENDING, "the actor ended")
    await channel.tell(refused)
    channel.run()
    assert await channel.client.until_end() == refused


# Input.


async def test_input_that_comes_before_the_stream_is_delivered_in_order(channel: Channel) -> None:
    channel.run()
    assert channel.client.input_paused
    channel.session.write(b"one ")
    await channel.ask_for_exec()
    channel.session.write(b"two ")
    channel.session.write_eof()
    await channel.open()
    assert channel.stream.calls == [b"one ", b"two ", "eof"]
    assert not channel.client.input_paused


async def test_input_behind_the_opening_goes_straight_on(channel: Channel) -> None:
    await channel.up()
    channel.session.write(b"more")
    channel.session.write_eof()
    assert channel.stream.calls == [b"more", "eof"]


async def test_what_is_typed_ahead_waits_for_the_program_and_its_terminal(channel: Channel) -> None:
    channel.session.pty("xterm", 80, 24)
    channel.run()
    channel.session.write(b"ls\n")
    channel.session.write_eof()
    await channel.ask_for_exec(tty=True)
    await channel.open()
    channel.say(b"7\r\n")
    assert channel.stream.calls == []
    assert channel.client.input_paused
    channel.session.running()
    await turn()
    channel.session.write(b"exit\n")
    channel.session.write_eof()
    assert channel.stream.calls == [b"ls\n", b"exit\n"]
    assert not channel.client.input_paused


async def test_the_streams_wish_for_less_input_is_passed_on(channel: Channel) -> None:
    await channel.up()
    channel.session.pause_input()
    assert channel.client.input_paused
    channel.session.resume_input()
    assert not channel.client.input_paused


async def test_input_behind_the_end_is_dropped(channel: Channel) -> None:
    channel.run()
    await channel.ask_for_exec()
    channel.opens.set_exception(Unavailable("exec_start", "gone"))
    await turn()
    channel.session.write(b"too late")
    channel.session.write_eof()
    assert channel.stream.calls == []


async def test_bytes_are_counted_in_both_directions(channel: Channel) -> None:
    await channel.up()
    channel.session.write(b"12345")
    channel.say(b"123")
    channel.say(b"1234", stderr=True)
    value = channel.metrics.registry.get_sample_value
    assert value("sshore_bytes_total", {"direction": "in"}) == 5
    assert value("sshore_bytes_total", {"direction": "out"}) == 7


# Output.


async def test_the_line_with_the_pid_is_for_the_actor(channel: Channel) -> None:
    channel.run()
    await channel.ask_for_exec()
    await channel.open()
    for piece in (b"47", b"11", b"\nhel"):
        channel.say(piece)
    channel.say(b"lo")
    channel.say(b"oops", stderr=True)
    assert (bytes(channel.client.stdout), bytes(channel.client.stderr)) == (b"hello", b"oops")
    assert channel.messages() == [RunExec("cat"), StreamOpened(4711), FirstOutput()]


async def test_errors_that_overtake_the_line_with_the_pid_are_the_programs(channel: Channel) -> None:
    channel.run()
    await channel.ask_for_exec()
    await channel.open()
    channel.say(b"oo", stderr=True)
    channel.say(b"ps\n", stderr=True)
    assert bytes(channel.client.stderr) == b""
    channel.say(b"4711\nhello")
    assert (bytes(channel.client.stdout), bytes(channel.client.stderr)) == (b"hello", b"oops\n")
    assert channel.messages() == [RunExec("cat"), StreamOpened(4711), FirstOutput()]


async def test_an_attached_container_says_no_pid(channel: Channel) -> None:
    channel.run()
    await channel.ask_for_attach()
    await channel.open()
    channel.say(b"7\n")
    assert bytes(channel.client.stdout) == b"7\n"
    assert channel.messages() == [RunExec("cat"), StreamOpened(None), FirstOutput()]


async def test_output_that_may_not_come_yet_is_paused_from_its_beginning(channel: Channel) -> None:
    channel.run()
    channel.session.pause_output()
    await channel.ask_for_exec()
    await channel.open()
    channel.session.pause_output()
    # Its pid has to be known before.
    assert channel.stream.calls == []
    channel.say(b"7\n")
    channel.session.resume_output()
    channel.session.pause_output()
    assert channel.stream.calls == ["pause", "resume", "pause"]


async def test_the_output_of_an_attached_container_is_paused_from_its_beginning(channel: Channel) -> None:
    channel.run()
    channel.session.pause_output()
    await channel.ask_for_attach()
    await channel.open()
    assert channel.stream.calls == ["pause"]


async def test_what_is_said_in_place_of_a_pid_never_reaches_the_client(channel: Channel) -> None:
    channel.run()
    await channel.ask_for_exec()
    await channel.open()
    channel.say(b"OCI runtime exec failed: ")
    channel.say(b"no such user\r\n")
    channel.session.ended(None)
    refused = refuse(Code.PROGRAM_START_FAILED, "told by the actor")
    await channel.tell(refused)
    assert await channel.client.until_end() == refused
    assert (channel.client.stdout, channel.client.stderr) == (b"", b"")
    assert channel.messages()[1:] == [StartFailed("OCI runtime exec failed: no such user")]


@pytest.mark.parametrize(
    ("failure", "text"), [(None, "the stream ended at once"), (Unavailable("exec", "reset"), "exec: reset")]
)
async def test_a_stream_that_ends_without_a_word_is_a_failed_start(
    channel: Channel, failure: Exception | None, text: str
) -> None:
    channel.run()
    await channel.ask_for_exec()
    await channel.open()
    channel.session.ended(failure)
    assert channel.messages()[1:] == [StartFailed(text)]


@pytest.mark.parametrize("error", [Unavailable("exec_start", "reset"), ValueError("a bug")])
async def test_a_stream_that_cannot_be_opened_is_told_whatever_the_reason(channel: Channel, error: Exception) -> None:
    channel.run()
    await channel.ask_for_exec()
    channel.opens.set_exception(error)
    await turn()
    assert channel.messages()[1:] == [StreamFailed(error)]


# The end.


@pytest.mark.parametrize("exit_is_known", [True, False])
async def test_a_stream_that_breaks_is_no_end_of_the_output(channel: Channel, exit_is_known: bool) -> None:
    await channel.up()
    channel.say(b"half of it")
    if exit_is_known:
        await channel.tell(Exited(0))
    failure = Unavailable("exec", "the connection was lost")
    channel.session.ended(failure)
    end = await channel.client.until_end()
    assert isinstance(end, Refused)
    assert (end.code, end.status) == ("STREAM_FAILED", 255)
    assert StreamFailed(failure) in channel.messages()


async def test_the_exit_waits_for_the_last_byte(channel: Channel) -> None:
    await channel.up()
    await channel.tell(Exited(3))
    channel.say(b"last words")
    assert channel.client.ends == []
    channel.session.ended(None)
    assert channel.client.ends == [End(3)]
    assert bytes(channel.client.stdout) == b"last words"
    assert OutputEnded() in channel.messages()


async def test_the_last_byte_waits_for_the_exit(channel: Channel) -> None:
    await channel.up()
    channel.session.ended(None)
    assert channel.client.ends == []
    await channel.tell(Exited(137, "Out of memory."))
    assert channel.client.ends == [End(137, "Out of memory.")]


async def test_a_child_that_keeps_the_output_open_is_waited_for(
    channel: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_end, "DRAIN", 0.01)
    await channel.up()
    await channel.tell(Exited(0))
    await asyncio.sleep(0.1)
    channel.say(b"from the child")
    assert channel.client.ends == []
    channel.session.ended(None)
    assert await channel.client.until_end() == End(0)
    assert bytes(channel.client.stdout) == b"from the child"


async def test_a_child_that_keeps_the_terminal_open_is_waited_for_only_so_long(
    channel: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_end, "DRAIN", 0.05)
    await channel.up(tty=True)
    await channel.tell(Exited(0))
    assert channel.client.ends == []
    assert await channel.client.until_end() == End(0)
    channel.say(b"from the child")
    assert bytes(channel.client.stdout) == b""


async def test_a_client_that_reads_slowly_is_given_all_the_time_he_needs(
    channel: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_end, "DRAIN", 0.01)
    await channel.up(tty=True)
    channel.session.pause_output()
    await channel.tell(Exited(0))
    await asyncio.sleep(0.1)
    assert channel.client.ends == []
    channel.session.resume_output()
    assert await channel.client.until_end() == End(0)


async def test_the_rest_of_an_ended_program_is_taken_at_once_and_its_exit_waits(channel: Channel) -> None:
    await channel.up()
    channel.session.pause_output()
    await eventually(lambda: OutputStalled() in channel.told.all)
    channel.session.stalled(over=True)
    await turn()
    assert channel.stream.calls == ["pause", "resume"]
    channel.say(b"the rest")
    channel.session.ended(None)
    await channel.tell(Exited(0))
    assert bytes(channel.client.stdout) == b"the rest"
    assert channel.client.ends == []
    channel.session.resume_output()
    assert channel.client.ends == [End(0)]


async def test_output_that_is_cut_behind_the_exit_is_an_error_and_counted(channel: Channel) -> None:
    await channel.up()
    channel.say(b"half of")
    await channel.tell(Exited(0))
    channel.session.ended(Unavailable("stream", "it ended inside a frame"))
    end = await channel.client.until_end()
    assert isinstance(end, Refused)
    assert end.code == "STREAM_FAILED"
    assert channel.metrics.registry.get_sample_value("sshore_refusals_total", {"code": "STREAM_FAILED"}) == 1


async def test_output_that_still_comes_is_waited_for(channel: Channel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_end, "DRAIN", 0.1)
    await channel.up(tty=True)
    await channel.tell(Exited(0))
    for _ in range(60):
        channel.say(b"x")
        await asyncio.sleep(0.01)
    assert channel.client.ends == []
    assert await channel.client.until_end() == End(0)
    assert bytes(channel.client.stdout) == b"x" * 60


async def test_a_channel_that_closed_while_its_client_did_not_read_is_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(session_end, "DRAIN", 0.01)
    channel = Channel()
    await channel.up(tty=True)
    channel.session.pause_output()
    await channel.tell(Exited(0))
    channel.session.close()
    channel.actor.stop()
    forgotten = weakref.ref(channel.session)
    del channel
    await eventually(lambda: gc.collect() >= 0 and forgotten() is None)


async def test_a_refusal_ends_a_running_program(channel: Channel) -> None:
    await channel.up()
    refused = refuse(Code.CONTAINER_LOST, "gone")
    await channel.tell(refused)
    assert channel.client.ends == [refused]
    channel.say(b"too late")
    await channel.tell(Exited(1))
    channel.session.ended(None)
    assert channel.client.ends == [refused]


# Closing.


async def test_closing_a_running_program_closes_its_stream_and_tells_the_actor(channel: Channel) -> None:
    await channel.up()
    channel.session.close()
    channel.session.close()
    channel.say(b"unheard")
    await channel.tell(Exited(129))
    assert channel.stream.calls == ["close"]
    assert (channel.client.ends, channel.client.stdout, channel.closings) == ([], b"", 1)
    assert channel.messages()[-1] == ChannelClosed()
    assert channel.messages().count(ChannelClosed()) == 1


async def test_closing_before_anything_was_asked_for(channel: Channel) -> None:
    channel.session.close()
    assert channel.closings == 1
    assert channel.messages() == [ChannelClosed()]


async def test_closing_before_the_actor_has_an_exec_opens_nothing(channel: Channel) -> None:
    channel.run()
    channel.session.close()
    await channel.ask_for_exec()
    assert channel.openings == 0
    assert channel.messages() == [RunExec("cat"), ChannelClosed()]


async def test_closing_while_the_stream_opens_waits_for_the_pid_so_that_the_program_can_be_ended(
    channel: Channel,
) -> None:
    channel.run()
    await channel.ask_for_exec()
    channel.session.close()
    assert channel.closings == 0
    await channel.open()
    assert channel.closings == 0
    channel.say(b"7\n")
    assert channel.closings == 1
    assert channel.messages() == [RunExec("cat"), StreamOpened(7), ChannelClosed()]
    assert channel.stream.calls[-1] == "close"


async def test_closing_while_a_container_is_attached_waits_for_it(channel: Channel) -> None:
    channel.run()
    await channel.ask_for_attach()
    channel.session.close()
    await channel.open()
    assert channel.closings == 1
    assert channel.stream.calls[-1] == "close"
    assert channel.messages()[-1] == ChannelClosed()


@pytest.mark.parametrize("failure", ["opening", "start"])
async def test_closing_while_the_start_fails_waits_no_longer(channel: Channel, failure: str) -> None:
    channel.run()
    await channel.ask_for_exec()
    channel.session.close()
    if failure == "opening":
        channel.opens.set_exception(Unavailable("exec_start", "reset"))
    else:
        await channel.open()
        channel.session.ended(None)
    await turn()
    assert channel.closings == 1
    assert channel.messages()[-1] == ChannelClosed()


@pytest.mark.parametrize("stream_comes", [True, False])
async def test_closing_while_the_program_starts_waits_only_so_long(
    channel: Channel, monkeypatch: pytest.MonkeyPatch, stream_comes: bool
) -> None:
    monkeypatch.setattr(session, "_LONGEST_OPENING", 0.02)
    channel.run()
    await channel.ask_for_exec()
    if stream_comes:
        await channel.open()
    channel.session.close()
    await eventually(lambda: channel.closings == 1)
    assert channel.messages()[-1] == ChannelClosed()
    await turn()
    assert channel.opens.cancelled() or channel.stream.calls[-1] == "close"


class PaperShell(PaperStream):
    """A shell that waits, on paper."""

    def __init__(self, has_order: bool) -> None:
        super().__init__()
        self.has_order = has_order

    def become(self, order: bytes, receiver: ProgramReceiver) -> None:
        self.calls.append("become")


@pytest.mark.parametrize(
    ("has_order", "failure", "told"),
    [
        (True, Unavailable("exec", "it went"), StreamFailed),
        (False, Unavailable("exec", "it went"), ShellLost),
        (True, None, ShellLost),
    ],
)
async def test_a_shell_that_may_be_the_program_already_is_followed_by_no_other(
    channel: Channel, has_order: bool, failure: Exception | None, told: type
) -> None:
    channel.run()
    channel.session.become(PaperShell(has_order), b"exec it")
    await turn()
    channel.session.ended(failure)
    assert [type(message) for message in channel.messages()] == [RunExec, told]
