"""What a client asks out of place: beside OpenSSH's sshd, which answers, and goes on with the connection."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import asyncssh
import pytest
from asyncssh.constants import (
    MSG_CHANNEL_CLOSE,
    MSG_CHANNEL_DATA,
    MSG_CHANNEL_EOF,
    MSG_CHANNEL_EXTENDED_DATA,
    MSG_CHANNEL_FAILURE,
    MSG_CHANNEL_OPEN,
    MSG_CHANNEL_REQUEST,
    MSG_CHANNEL_SUCCESS,
    MSG_CHANNEL_WINDOW_ADJUST,
    MSG_DEBUG,
    MSG_GLOBAL_REQUEST,
    MSG_IGNORE,
    MSG_REQUEST_FAILURE,
)
from asyncssh.packet import Boolean, String, UInt32
from support.front_desk import FrontDesk
from support.own_sshd import OwnSshd, own_sshd
from support.wire import Wire, wire

_SIZE = b"".join(map(UInt32, (80, 24, 0, 0)))
_ANSWERED_OTHERWISE = (
    "a forwarding from a name that is not UTF-8",  # sshd forwards, and would listen
    "packets of no size",  # sshd opens the channel, and never sends anything
    "a terminal of a name that is not ASCII",
)
_NUMBERS = (UInt32(4712), UInt32(2**21), UInt32(32768))


def _global(name: str | bytes, *arguments: bytes) -> Callable[[Wire], None]:
    return lambda w: w.send(MSG_GLOBAL_REQUEST, String(name), Boolean(True), *arguments)


def _requests(*requests: tuple[str | bytes, bytes]) -> Callable[[Wire], None]:
    def send(w: Wire) -> None:
        for name, arguments in requests:
            w.request(name, arguments)

    return send


def _packets(*packets: tuple[int, bytes]) -> Callable[[Wire], None]:
    """Packets of the channel, with its number in front."""

    def send(w: Wire) -> None:
        for pkttype, arguments in packets:
            w.send(pkttype, UInt32(w.channel), arguments)

    return send


def _open(kind: str | bytes, *arguments: bytes, numbers: tuple[bytes, ...] = _NUMBERS) -> Callable[[Wire], None]:
    return lambda w: w.send(MSG_CHANNEL_OPEN, String(kind), *numbers, *arguments)


_CAT = ("exec", String("cat"))
_PTY = ("pty-req", String("xterm") + _SIZE + String(b"\0"))
_EXEC_CAT = _requests(_CAT)


def _after_cat(more: Callable[[Wire], None]) -> Callable[[Wire], None]:
    def send(w: Wire) -> None:
        _EXEC_CAT(w)
        more(w)

    return send


def _forwardings_and_a_close(w: Wire) -> None:
    packets: list[bytes] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(w.connection, "_send", packets.append)
        for _ in range(2):
            w.send(MSG_CHANNEL_REQUEST, UInt32(w.channel), String("auth-agent-req@openssh.com"), Boolean(False))
        w.send(MSG_CHANNEL_CLOSE, UInt32(w.channel))
    w.connection._send(b"".join(packets))


def _too_much(w: Wire) -> None:
    for _ in range(w.window // 30_000 + 2):
        w.send(MSG_CHANNEL_DATA, UInt32(w.channel), String(bytes(30_000)))


CASES: dict[str, Callable[[Wire], None]] = {
    "a terminal after the program": _requests(_CAT, _PTY),
    "a second terminal": _requests(_PTY, _PTY),
    "a terminal of a name that is not ASCII": _requests(("pty-req", String(b"xt\xe9rm") + _SIZE + String(b"\0"))),
    "a terminal with an unknown mode": _requests(("pty-req", String("xterm") + _SIZE + String(b"\x9f\0\0\0\1\0"))),
    "a second program": _requests(_CAT, _CAT),
    "a window without a terminal": _requests(("window-change", _SIZE)),
    "a signal before the program": _requests(("signal", String("TERM"))),
    "a signal of a name that is not ASCII": _requests(_CAT, ("signal", String(b"T\xe9RM"))),
    "a break": _requests(_CAT, ("break", UInt32(1))),
    "a variable after the program": _requests(_CAT, ("env", String("LC_ALL") + String("C"))),
    "a request that there is not": _requests(("nonsense", b"")),
    "a request of a name that is not ASCII": _requests((b"n\xf6", b"")),
    "a subsystem of a name that is not ASCII": _requests(("subsystem", String(b"sft\xe9"))),
    "forwardings and the channel's close": _forwardings_and_a_close,
    "data after EOF": _after_cat(_packets((MSG_CHANNEL_EOF, b""), (MSG_CHANNEL_DATA, String("late")))),
    "a second EOF": _after_cat(_packets((MSG_CHANNEL_EOF, b""), (MSG_CHANNEL_EOF, b""))),
    "data before the program": _packets((MSG_CHANNEL_DATA, String("early"))),
    "data for stderr": _after_cat(_packets((MSG_CHANNEL_EXTENDED_DATA, UInt32(1) + String("e")))),
    "data for nothing": _after_cat(_packets((MSG_CHANNEL_EXTENDED_DATA, UInt32(7) + String("e")))),
    "a success that nobody asked for": _packets((MSG_CHANNEL_SUCCESS, b"")),
    "a failure that nobody asked for": _packets((MSG_CHANNEL_FAILURE, b"")),
    "a window beyond 32 bits": _packets(*[(MSG_CHANNEL_WINDOW_ADJUST, UInt32(2**32 - 1))] * 3),
    "a global failure that nobody asked for": lambda w: w.send(MSG_REQUEST_FAILURE),
    "an end of no forwarding": _global("cancel-tcpip-forward", String("localhost"), UInt32(1)),
    "an end of no socket": _global("cancel-streamlocal-forward@openssh.com", String("/nowhere")),
    "a global request that there is not": _global("nonsense"),
    "a global request of a name that is not ASCII": _global(b"n\xf6"),
    "a proof for no key": _global("hostkeys-prove-00@openssh.com", String("nonsense")),
    "a channel that there is not": _open("nonsense"),
    "packets of no size": _open("session", numbers=(UInt32(4712), UInt32(2**21), UInt32(0))),
    "too much data": _after_cat(_too_much),
    "a channel of a name that is not ASCII": _open(b"n\xf6"),
    "a packet that there is not": lambda w: w.send(192),
    "a debug message that is not UTF-8": lambda w: w.send(MSG_DEBUG, Boolean(True), String(b"\xe9"), String("")),
    "packets to be ignored": lambda w: w.send(MSG_IGNORE, String("x")),
    "a login when logged in": lambda w: w.send(50, String("alice"), String("ssh-connection"), String("none")),
    "a forwarding to a name that is not UTF-8": _open(
        "direct-tcpip", String(b"\xe9"), UInt32(1), String("x"), UInt32(1)
    ),
    "a socket of a name that is not UTF-8": _open(
        "direct-streamlocal@openssh.com", String(b"\xe9"), String(""), UInt32(0)
    ),
    "a forwarding from a name that is not UTF-8": _global("tcpip-forward", String(b"\xe9"), UInt32(0)),
}


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnSshd]:
    with own_sshd(tmp_path_factory.mktemp("sshd")) as server:
        yield server


async def _fate(connecting: object, case: str) -> tuple[bool, list[int]]:
    async with wire(connecting) as w:
        await w.open()
        CASES[case](w)
        return await w.fate()


@pytest.mark.parametrize("case", CASES)
async def test_it_is_answered_as_sshd_does(case: str, sshd: OwnSshd, tmp_path: Path) -> None:
    options = {"known_hosts": None, "agent_path": None, "config": None}
    theirs = asyncssh.connect(
        "127.0.0.1", sshd.port, username=sshd.user, client_keys=[str(sshd._folder / "user_key")], **options
    )
    expected = await _fate(theirs, case)
    async with FrontDesk(tmp_path, {}).open() as desk:
        lives, answers = await _fate(desk.login(), case)
    assert lives
    if expected[0] and case not in _ANSWERED_OTHERWISE:
        assert answers == expected[1]
