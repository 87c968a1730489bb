"""Each request of a channel in each of its states gets the answer that sshd gives, or it is said here why not."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import asyncssh
import pytest
from support.channel_requests import REQUESTS, ask, open_channel
from support.own_sshd import OwnSshd, own_sshd
from support.server import EVENT_SECONDS, Server, Serving

pytestmark = pytest.mark.engine

STATES: dict[str, tuple[str, ...]] = {
    "new": (),
    "with a terminal": ("pty-req",),
    "after a subsystem that is not there": ("subsystem other",),
    "running": ("exec",),
    "running with a terminal": ("pty-req", "exec"),
    "running a subsystem": ("subsystem sftp",),
}
"""What was asked before."""

RUNNING = tuple(state for state in STATES if state.startswith("running"))
ON_PURPOSE: dict[tuple[str, str], str] = {
    **{
        (state, "auth-agent-req@openssh.com"): "nothing is forwarded"
        for state in STATES
        if not state.startswith("running")
    },
    ("with a terminal", "pty-req"): "sshd ends the whole connection",
    ("running with a terminal", "break"): "sshd says success, and a pseudo terminal does nothing on a break",
    **{(state, "signal URG"): "every signal of Linux is sent, sshd knows RFC 4254's" for state in RUNNING},
    **{(state, "signal USR1"): "sshd sends none to root's programs, nor to a subsystem" for state in RUNNING},
}


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnSshd]:
    more = "AcceptEnv LC_*\nSubsystem sftp internal-sftp\nMaxSessions 100\n"
    with own_sshd(tmp_path_factory.mktemp("sshd"), more) as server:
        yield server


@pytest.fixture(scope="module")
def narrow(serving: Serving) -> Iterator[Server]:
    """Answers do not depend on the mode."""
    with serving({"mode": "connection", "acceptEnv": ["LC_*"]}) as server:
        yield server


async def channel_in(connection: asyncssh.SSHClientConnection, state: str) -> asyncssh.SSHClientChannel[bytes]:
    channel = await open_channel(connection)
    for request in STATES[state]:
        assert await ask(channel, request) is (request != "subsystem other")
    return channel


async def answers(server: OwnSshd | Server, state: str) -> dict[str, bool | None]:
    """What each request is answered in this state, each on a channel of its own; None is the connection's end."""
    given: dict[str, bool | None] = {}
    connection = await server.connect()
    for request in REQUESTS:
        channel = await channel_in(connection, state)
        try:
            given[request] = await ask(channel, request)
            channel.abort()
        except asyncssh.Error:
            given[request] = None
            connection = await server.connect()
    connection.abort()
    return given


@pytest.mark.parametrize("state", STATES)
async def test_every_request_is_answered_as_sshd_does(narrow: Server, sshd: OwnSshd, state: str) -> None:
    expected, given = await answers(sshd, state), await answers(narrow, state)
    different = {request for request in REQUESTS if given[request] is not expected[request]}
    assert different == {request for other, request in ON_PURPOSE if other == state}


async def test_a_program_may_follow_a_subsystem_that_is_not_there(narrow: Server) -> None:
    mark = narrow.log_mark()
    async with narrow.connect() as connection:
        assert await ask(await channel_in(connection, "after a subsystem that is not there"), "exec")
    line = narrow.wait_for_log(r".*event=session_refused.*", since=mark)[0]
    assert "code=SUBSYSTEM_UNKNOWN" in line
    assert "'other'" in line
    assert "request_refused" not in narrow.log[mark:]


async def test_the_reason_of_an_unknown_subsystem_is_a_failure_to_a_client(narrow: Server) -> None:
    async with narrow.connect() as connection:
        with pytest.raises(asyncssh.ChannelOpenError):
            await asyncio.wait_for(connection.run(subsystem="other"), EVENT_SECONDS)
        assert (await connection.run("echo on")).stdout == "on\n"
