"""What asyncssh decides about a channel's requests by itself, where it has no hook to be asked or told by."""

from __future__ import annotations

from collections.abc import Callable

import asyncssh
from asyncssh.packet import SSHPacket, String

from ..config.models import LimitsConfig
from .memory import MemoryBudget

_KEPT_BESIDE = 256
"""Bytes that a variable takes besides its own."""
_AGENT_REQUEST = "_process_auth_agent_req_at_openssh_dot_com_request"
_TOLD = frozenset({"pty-req", "shell", "exec", "subsystem", "break", "window-change"})
"""Requests of RFC 4254 §6. Extensions ask for things that may well not exist; forwardings, variables and signals have
lines of their own."""


def watch_requests(channel: asyncssh.SSHServerChannel[bytes], failed: Callable[[str], None]) -> None:
    """Call `failed` with the name of every request that is answered with failure. Loop only."""
    report = channel._report_response  # no public way

    def tell_and_report(result: bool) -> None:
        name = channel._request_queue[0][0]
        if not result and name in _TOLD:
            failed(name)
        report(result)

    channel._report_response = tell_and_report  # type: ignore[method-assign]  # there is no hook


def take_any_command(channel: asyncssh.SSHServerChannel[bytes]) -> None:
    """Take commands that are not UTF-8, as sshd does; asyncssh would refuse them. Loop only.

    Such bytes are lone surrogates in the text that `exec_requested` gets (PEP 383).
    """

    def exec_request(packet: SSHPacket) -> bool:
        command = packet.get_string().decode("utf-8", "surrogateescape")
        packet.check_end()
        return channel._start_session(command=command)

    channel._process_exec_request = exec_request  # type: ignore[method-assign]  # there is no hook


def try_another_program(channel: asyncssh.SSHServerChannel[bytes]) -> None:
    """Let a client ask for another program after one that was refused, as sshd does. Loop only."""
    start = channel._start_session

    def start_session(command: str | None = None, subsystem: str | None = None) -> bool:
        if channel._session_started:
            return False
        channel._session_started = start(command, subsystem)
        return channel._session_started

    channel._start_session = start_session  # type: ignore[method-assign]  # there is no hook


def refuse_forwarding(channel: asyncssh.SSHServerChannel[bytes], refused: Callable[[str, str], None]) -> None:
    """Refuse an agent's socket and an X11 display, which would be the gateway's own, at once. Loop only.

    asyncssh does so later, in a task, which ends the connection if the channel is closed by then. `refused` is told
    what kind it was, and of what.
    """

    def agent_request(packet: SSHPacket) -> bool:
        packet.check_end()
        refused("auth-agent", "agent")
        return False

    def x11_request(packet: SSHPacket) -> bool:
        packet.get_boolean()
        packet.get_string()
        packet.get_string()
        screen = packet.get_uint32()
        packet.check_end()
        refused("x11", f"screen {screen}")
        return False

    setattr(channel, _AGENT_REQUEST, agent_request)
    channel._process_x11_req_request = x11_request  # type: ignore[method-assign]  # there is no hook


def answer_signals(channel: asyncssh.SSHServerChannel[bytes], send: Callable[[str], bool]) -> None:
    """Answer a signal that asks for it with what `send` returns; asyncssh would always say success. Loop only."""

    def signal_request(packet: SSHPacket) -> bool:
        name = packet.get_string().decode("ascii", "backslashreplace")
        packet.check_end()
        return send(name)

    channel._process_signal_request = signal_request  # type: ignore[method-assign]  # there is no hook


def choose_environment(channel: asyncssh.SSHServerChannel[bytes], accepts: Callable[[str], bool]) -> None:
    """Refuse variables that are not accepted, and all that come after the program, as sshd does. Loop only.

    asyncssh would say success, and keep them.
    """
    take = channel._process_env_request

    def env_request(packet: SSHPacket) -> bool:
        name = SSHPacket(packet.get_remaining_payload()).get_string().decode("utf-8", "surrogateescape")
        return not channel._session_started and accepts(name) and take(packet)

    channel._process_env_request = env_request  # type: ignore[method-assign]  # there is no hook


def take_any_terminal(channel: asyncssh.SSHServerChannel[bytes]) -> None:
    """Take a terminal's type that is no ASCII, as sshd does; asyncssh would end the connection. Loop only.

    The channel has it behind `pty_requested`, which gets an empty one; its bytes are lone surrogates (PEP 383).
    """
    request = channel._process_pty_req_request

    def pty_request(packet: SSHPacket) -> bool:
        rest = SSHPacket(packet.get_remaining_payload())
        term = rest.get_string()
        if term.isascii():
            return request(packet)
        granted = request(SSHPacket(String(b"") + rest.get_remaining_payload()))
        if granted:
            channel._term_type = term.decode("utf-8", "surrogateescape")
        return granted

    channel._process_pty_req_request = pty_request  # type: ignore[method-assign]  # there is no hook


def bound_environment(
    channel: asyncssh.SSHServerChannel[bytes], limits: LimitsConfig, memory: MemoryBudget, full: Callable[[], None]
) -> Callable[[], None]:
    """Refuse variables that are too many or, with their names, too long; asyncssh would keep them all. Loop only.

    `full` is called for the first that is refused. Returns what gives the memory back that they take, once.
    """
    take = channel._process_env_request
    most, most_bytes = limits.max_env, limits.max_env_size
    sizes: dict[bytes, int] = {}
    taken = total = 0
    refused = False

    def fits(name: bytes, size: int) -> bool:
        is_bounded_number = not most or name in sizes or len(sizes) < most
        return is_bounded_number and not 0 < most_bytes < total - sizes.get(name, 0) + size

    def env_request(packet: SSHPacket) -> bool:
        nonlocal refused, taken, total
        copy = SSHPacket(packet.get_remaining_payload())
        name = copy.get_string()
        size = len(name) + len(copy.get_string())
        if fits(name, size) and memory.take(size + _KEPT_BESIDE):
            taken += size + _KEPT_BESIDE
            total += size - sizes.get(name, 0)
            sizes[name] = size
            return take(packet)
        if not refused:
            refused = True
            full()
        return False

    def give_back() -> None:
        nonlocal taken
        given, taken = taken, 0
        memory.give_back(given)

    channel._process_env_request = env_request  # type: ignore[method-assign]  # there is no hook
    return give_back
