"""Scenarios of what an operator limits."""

from __future__ import annotations

import asyncio

import asyncssh
import pytest
from sshore.engine.fake.pipes import CAPACITY
from sshore.metrics.codes import Code

from .client import SECONDS, eventually
from .descriptors import Exhausting, descriptors_back
from .front_desk import FrontDesk
from .scenarios import at_desk


class Guesser(asyncssh.SSHClient):
    """Has any number of wrong passwords; thinks about each for so many seconds."""

    pause = 0.0

    async def password_auth_requested(self) -> str:
        await asyncio.sleep(self.pause)
        return "wrong"


class Hesitant(Guesser):
    """Takes longer than anybody waits."""

    pause = SECONDS


class Said(asyncssh.SSHClient):
    """Keeps the reason why its connection was closed."""

    def __init__(self) -> None:
        self.reason: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def connection_lost(self, exc: Exception | None) -> None:
        self.reason.set_result(str(exc))


async def turned_away(desk: FrontDesk, guesser: type[Guesser] | None = None) -> str:
    """Log in, in vain; return why."""
    options = {"client_keys": None, "client_factory": guesser, "preferred_auth": "password"} if guesser else {}
    with pytest.raises(asyncssh.DisconnectError) as caught:
        async with desk.login(**options):
            pass
    return caught.value.reason


async def second_channel(desk: FrontDesk) -> str:
    """Ask for a session beside another one; return why there is none."""
    async with desk.login() as connection:
        await connection.create_process("cat")
        with pytest.raises(asyncssh.ChannelOpenError) as caught:
            await connection.create_process("cat")
        return caught.value.reason


async def complaint(desk: FrontDesk, command: str = "sleep 60", **options: object) -> str:
    """Run a command; return what is said about it."""
    async with desk.login() as connection:
        return str((await asyncio.wait_for(connection.run(command, **options), SECONDS)).stderr)


async def farewell(reader: asyncio.StreamReader) -> str:
    """What a client that says nothing is told at last, in the clear."""
    return (await asyncio.wait_for(reader.read(), SECONDS)).decode(errors="replace")


@at_desk(Code.TOO_MANY_CONNECTIONS, maxConnections=1)
async def a_full_house(desk: FrontDesk) -> str:
    async with desk.login():
        return await turned_away(desk)


@at_desk(Code.TOO_MANY_FROM_ADDRESS, maxConnectionsPerAddress=1)
async def a_full_address(desk: FrontDesk) -> str:
    async with desk.login():
        return await turned_away(desk)


@at_desk(Code.TOO_MANY_STARTUPS, maxStartups=1)
async def a_newcomer(desk: FrontDesk) -> str:
    reader, _ = await desk.socket()
    await desk.until_connected(1)
    async with desk.login():
        return await farewell(reader)


@at_desk(Code.ADDRESS_BANNED, banAfter=1, banDecay="1h")
async def a_wrong_password_too_many(desk: FrontDesk) -> str:
    return await turned_away(desk, Guesser)


@at_desk(Code.HANDSHAKE_TIMED_OUT, handshakeTime="100ms")
async def a_client_that_says_nothing(desk: FrontDesk) -> str:
    reader, _ = await desk.socket()
    return await farewell(reader)


@at_desk(Code.LOGIN_TIMED_OUT, loginGraceTime="500ms")
async def a_client_that_hesitates(desk: FrontDesk) -> str:
    return await turned_away(desk, Hesitant)


@at_desk(Code.LOGIN_NOT_CHECKED)
async def a_login_without_a_descriptor_left(desk: FrontDesk) -> str:
    with descriptors_back(), pytest.raises(asyncssh.DisconnectError) as caught:
        async with desk.login(client_keys=None, client_factory=lambda: Exhausting(key=desk.key)):
            pass
    return caught.value.reason


@at_desk(Code.TOO_MANY_AUTH_TRIES, maxAuthTries=1)
async def a_client_that_guesses(desk: FrontDesk) -> str:
    return await turned_away(desk, Guesser)


@at_desk(Code.TOO_MANY_CHANNELS, maxSessions=1, sessionWait=0)
async def a_channel_too_many(desk: FrontDesk) -> str:
    return await second_channel(desk)


@at_desk(Code.TOO_MANY_SESSIONS, maxSessionsPerUser=1, sessionWait="50ms")
async def a_session_too_many(desk: FrontDesk) -> str:
    return await second_channel(desk)


@at_desk(Code.TOO_MANY_CONTAINERS, maxContainersPerUser=1)
async def a_container_too_many(desk: FrontDesk) -> str:
    said = Said()
    async with desk.login(), desk.login(client_factory=lambda: said):
        return await asyncio.wait_for(said.reason, SECONDS)


@at_desk(Code.COMMAND_OVER_LIMIT, maxCommandLength=9)
async def a_command_over_the_limit(desk: FrontDesk) -> str:
    return await complaint(desk, "echo longer")


@at_desk(Code.SESSION_IDLE, idleTimeout="300ms")
async def a_session_that_is_idle(desk: FrontDesk) -> str:
    return await complaint(desk)


@at_desk(Code.SESSION_TIME_OVER, sessionTimeout="300ms")
async def a_session_without_end(desk: FrontDesk) -> str:
    return await complaint(desk)


@at_desk(Code.ENVIRONMENT_FULL, maxEnv=1)
async def a_variable_too_many(desk: FrontDesk) -> str:
    return await complaint(desk, "true", env={"A": "a", "B": "b"})


@at_desk(Code.OUTPUT_LOST, maxMemoryPerConnection=100_000)
async def a_program_that_ends_unread(desk: FrontDesk) -> str:
    desk.engine.faults.output_kept = SECONDS
    async with desk.login() as connection:
        await connection.create_process(f"head -c {3 * CAPACITY} /dev/zero", encoding=None, window=1000)
        await eventually(lambda: desk.refusals(Code.OUTPUT_LOST) == 1)
    return ""


@at_desk(Code.CLIENT_GONE, clientAliveInterval="50ms", clientAliveCountMax=2)
async def a_client_without_a_network(desk: FrontDesk) -> str:
    connection = await desk.login()
    connection._transport.pause_reading()
    await eventually(lambda: desk.refusals(Code.CLIENT_GONE) == 1, "its end")
    connection.abort()
    return ""
