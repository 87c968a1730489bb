"""One session channel of asyncssh as the sink of a program's session."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

import asyncssh

from ..actors.messages import RunExec, RunShell, RunSubsystem
from ..actors.refusals import Refused, RefusedError, record, recorded, refuse
from ..actors.requests import SFTP, check_length, internal_sftp
from ..backend.session import ProgramSession
from ..config.models import LimitsConfig
from ..metrics.codes import Code
from .any_text import take_any_request_name
from .channel_requests import (
    answer_signals,
    bound_environment,
    choose_environment,
    refuse_forwarding,
    take_any_command,
    take_any_terminal,
    try_another_program,
    watch_requests,
)
from .channel_window import ChannelWindow
from .client_environment import SessionEnvironment, ShownNames
from .key_options import KeyPermissions
from .merged_buffer import merge_what_waits
from .no_forwarding import note_refusal
from .paced_output import PacedOutput
from .session_time import SessionTime
from .tolerance import tolerate_requests
from .transport_gate import TransportGate
from .unread_output import UnreadOutput

_LONGEST_FAREWELL = 5.0
_MOST_COLUMNS_OR_ROWS = 65_535
_SFTP_ONLY = 1
"""sshd's own status for it."""


class ChannelSession(asyncssh.SSHServerSession[bytes]):
    """Passes requests and input on to the program's session, and output and the end back to the channel.

    Loop only; asyncssh calls everything here.
    """

    _channel: asyncssh.SSHServerChannel[bytes]

    def __init__(
        self,
        program: ProgramSession,
        gate: TransportGate,
        permissions: KeyPermissions,
        environment: SessionEnvironment,
        limits: LimitsConfig,
        window: ChannelWindow,
    ) -> None:
        self.at_close: list[Callable[[], object]] = []
        """Called once the channel is closed."""
        self.at_end: list[Callable[[], object]] = []
        """Called when its end has begun, and it is not counted any more."""
        self._loop = asyncio.get_running_loop()
        self._program = program
        self._gate = gate
        self._permissions = permissions
        self._environment = environment
        self._limits = limits
        self._ignored = ShownNames()
        self._told_why = False
        self.window = window
        self._unread = UnreadOutput(window, self._unread_too_much)
        self._time = SessionTime(limits, self.tell, self._time_over)
        self._request: RunShell | RunExec | RunSubsystem | None = None
        self._opened = False
        self._has_pty = False
        self._channel_full = False
        self._input_paused = False

    def connection_made(self, chan: asyncssh.SSHServerChannel[bytes]) -> None:
        self._channel = chan
        self._opened = True
        watch_requests(chan, self._request_failed)
        try_another_program(chan)
        tolerate_requests(chan, self._request_raised)
        take_any_command(chan)
        answer_signals(chan, self._signalled)
        refuse_forwarding(chan, self._forwarding_refused)
        take_any_terminal(chan)
        take_any_request_name(chan)
        merge_what_waits(chan)
        self._output = PacedOutput(chan, self._gate)
        memory = self.window.memory
        self.at_close += (
            self.window.close,
            bound_environment(chan, self._limits, memory, self._environment_full),
        )
        choose_environment(chan, self._accepts)

    def pty_requested(
        self, term_type: str, term_size: tuple[int, int, int, int], term_modes: Mapping[int, int]
    ) -> bool:
        if not self._permissions.pty or not self.window.keep(len(term_type)):
            return False
        try:
            self._program.pty(term_type, *_columns_and_rows(*term_size[:2]), term_modes)
        except RefusedError:
            # Its program runs already.
            return False
        self._has_pty = True
        return True

    def shell_requested(self) -> bool:
        return self._requested(RunShell())

    def exec_requested(self, command: str) -> bool:
        return self._requested(RunExec(command))

    def subsystem_requested(self, subsystem: str) -> bool:
        try:
            self._program.check_subsystem(subsystem)
        except RefusedError:
            self._told_why = True
            return False
        return self._requested(RunSubsystem(subsystem))

    def session_started(self) -> None:
        assert self._request is not None
        self._gate.join(self)
        self._time.start()
        try:
            with recorded("session_refused", self._gate.log, self._gate.metrics):
                check_length(self._request, self._limits.max_command_length)
            self._set_environment(self._request)
            self._program.start(self._forced(self._request), self)
        except RefusedError as error:
            self.refused(error.refused)

    @property
    def is_closing(self) -> bool:
        """Whether the channel's end has begun."""
        return self._opened and self._channel.is_closing()

    def terminal_size_changed(self, width: int, height: int, pixwidth: int, pixheight: int) -> None:
        if self._has_pty:
            self._program.window(*_columns_and_rows(width, height))

    def break_received(self, msec: int) -> bool:
        return False

    def data_received(self, data: bytes, datatype: int | None) -> None:
        self._time.touch()
        self._program.write(data)
        if not self._input_paused:
            self.window.passed(len(data))

    def eof_received(self) -> bool:
        self._program.write_eof()
        return True

    def pause_writing(self) -> None:
        self._channel_full = True
        self._program.pause_output(self._unread.keep)

    def resume_writing(self) -> None:
        self._channel_full = False
        self.transport_drained()

    def connection_lost(self, exc: Exception | None) -> None:
        self._time.stop()
        self._gate.leave(self)
        self._program.close()
        for callback in self.at_close:
            callback()

    def transport_filled(self) -> None:
        """The connection's transport has no room: take no more output."""
        self._program.pause_output(self._unread.keep)

    def transport_drained(self) -> None:
        """Go on, if both the channel's window and the transport have room."""
        if self._opened and not self._gate.full:
            self._output.go_on()
        if not self._channel_full and not self._gate.full:
            self._unread.read()
            self._program.resume_output()

    def tell(self, sentence: str) -> None:
        """Write a line to the user's terminal, if he has one."""
        if self._has_pty:
            self._say(sentence)

    # ProgramSink
    def output_received(self, data: bytes | memoryview, *, stderr: bool) -> None:
        if self._channel.is_closing():
            # Its connection was disconnected meanwhile.
            return
        self._time.touch()
        datatype = asyncssh.EXTENDED_DATA_STDERR if stderr else None
        # asyncssh copies what it is given into a bytearray at once: a memoryview will do.
        self._channel.write(data, datatype)

    def pause_input(self) -> None:
        # Not at once: asyncssh grants a new window with the first packet that it delivers from its own buffer, and
        # would fill that buffer without end if delivery stopped behind it. It also resumes after session_started.
        self._input_paused = True
        self._loop.call_soon(self._stop_reading)

    def resume_input(self) -> None:
        self._input_paused = False
        self._channel.resume_reading()

    def exited(self, status: int, notice: str) -> None:
        if notice:
            self._say(notice)
        self._exit(status)

    def refused(self, refused: Refused) -> None:
        self._say(refused.user)
        self._exit(refused.status)

    def _exit(self, status: int) -> None:
        self._channel.exit(status)
        for callback in self.at_end:
            callback()
        # A client may never close its side; the program's session is not kept for that.
        self._loop.call_soon(self._program.close)

    def _time_over(self, code: Code, cause: str) -> None:
        refused = refuse(code, cause)
        record(refused, "session_timed_out", self._gate.log, self._gate.metrics, "info")
        self.refused(refused)
        self._time.stop()
        self._program.close()
        # Its client may not read: what it has not taken by then is lost.
        self._loop.call_later(_LONGEST_FAREWELL, self._channel.abort)

    def _signalled(self, name: str) -> bool:
        try:
            self._program.signal(name)
        except RefusedError:
            return False
        return True

    def _accepts(self, name: str) -> bool:
        accepted = self._environment.accepted.accept(name)
        if not accepted:
            self._ignored.add(name)
        return accepted

    def _stop_reading(self) -> None:
        if self._input_paused:
            self._channel.pause_reading()

    def _requested(self, request: RunShell | RunExec | RunSubsystem) -> bool:
        self._request = request
        return True

    def _request_failed(self, name: str) -> None:
        if self._told_why:
            self._told_why = False
            return
        refused = refuse(Code.REQUEST_REFUSED, f"{name} on this channel")
        record(refused, "request_refused", self._gate.log.bind(request=name), self._gate.metrics, "info")

    def _forwarding_refused(self, kind: str, target: str) -> None:
        note_refusal(self._gate.log, self._gate.metrics, kind, target)

    def _request_raised(self, error: Exception) -> None:
        self._gate.log.error("request_failed", code=Code.INTERNAL_ERROR, exc_info=error)

    def _environment_full(self) -> None:
        most = f"limits.maxEnv is {self._limits.max_env}, limits.maxEnvSize {self._limits.max_env_size}"
        refused = refuse(Code.ENVIRONMENT_FULL, f"{most}, {self._memory_taken}")
        record(refused, "environment_full", self._gate.log, self._gate.metrics, "info")

    def _unread_too_much(self) -> None:
        refused = refuse(Code.OUTPUT_LOST, f"its client does not read, and {self._memory_taken}")
        record(refused, "output_lost", self._gate.log, self._gate.metrics, "info")

    @property
    def _memory_taken(self) -> str:
        memory = self.window.memory
        return f"{memory.taken} of limits.maxMemoryPerConnection, {memory.most}, are taken"

    def _forced(self, request: RunShell | RunExec | RunSubsystem) -> RunShell | RunExec | RunSubsystem:
        command = self._permissions.command
        if command is None:
            return request
        options = internal_sftp(command)
        if options is None:
            return RunExec(command)
        if not isinstance(request, RunSubsystem):
            with recorded("session_refused", self._gate.log, self._gate.metrics, "info"):
                raise RefusedError(refuse(Code.SFTP_ONLY, "the key's command is internal-sftp", status=_SFTP_ONLY))
        return RunSubsystem(SFTP, options)

    def _set_environment(self, request: RunShell | RunExec | RunSubsystem) -> None:
        given = self._channel.get_environment_bytes()
        if self._ignored:
            self._gate.log.debug("environment_ignored", names=str(self._ignored))
        for name, value in self._environment.variables(given, self._channel.get_terminal_type(), request).items():
            self._program.env(name, value)
        # The program's session has them by now.
        self._channel._env.clear()

    def _say(self, sentence: str) -> None:
        line_end = "\r\n" if self._has_pty else "\n"
        if not self._channel.is_closing():
            self._channel.write_stderr(f"sshore: {sentence}{line_end}".encode())


def _columns_and_rows(width: int, height: int) -> tuple[int, int]:
    return min(width, _MOST_COLUMNS_OR_ROWS), min(height, _MOST_COLUMNS_OR_ROWS)
