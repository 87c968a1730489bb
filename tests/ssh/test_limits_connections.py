"""How many connections there may be, and how long one may take to log in."""

from __future__ import annotations

import asyncio
import socket
from contextlib import ExitStack, suppress
from pathlib import Path

import asyncssh
import pytest
from support.front_desk import FrontDesk

_SECONDS = 10.0


async def refusal(desk: FrontDesk) -> asyncssh.DisconnectError:
    """The reason why a client is not let in."""
    with pytest.raises(asyncssh.DisconnectError) as refused:
        async with desk.login():
            pass
    return refused.value


async def is_closed(reader: asyncio.StreamReader) -> bool:
    with suppress(ConnectionError):
        await asyncio.wait_for(reader.read(), _SECONDS)
    return True


async def test_a_client_more_than_the_limit_is_refused_and_told(tmp_path: Path) -> None:
    async with FrontDesk(tmp_path, {"maxConnections": 2}).open() as desk, desk.login(), desk.login():
        refused = await refusal(desk)
        assert refused.code == asyncssh.DISC_TOO_MANY_CONNECTIONS
        assert refused.reason.startswith("The server has too many connections at the moment")
        assert desk.refusals("TOO_MANY_CONNECTIONS") == 1
        assert desk.connected() == 2


async def test_a_client_gets_the_place_of_one_that_left(tmp_path: Path) -> None:
    async with FrontDesk(tmp_path, {"maxConnections": 1}).open() as desk:
        async with desk.login():
            await refusal(desk)
        await desk.until_connected(0)
        async with desk.login() as connection:
            assert (await connection.run("echo in")).stdout == "in\n"


async def test_openssh_says_why(tmp_path: Path) -> None:
    async with FrontDesk(tmp_path, {"maxConnections": 1}).open() as desk, desk.login():
        status, said = await desk.openssh("127.0.0.1", "true")
    assert status == 255
    assert "The server has too many connections at the moment, please try again later. (TOO_MANY_CONNECTIONS)" in said


async def test_one_that_is_not_logged_in_makes_room_at_the_limit(tmp_path: Path) -> None:
    async with FrontDesk(tmp_path, {"maxConnections": 2}).open() as desk, desk.login():
        reader, _ = await desk.socket()
        await desk.until_connected(2)
        async with desk.login() as connection:
            assert (await connection.run("echo in")).stdout == "in\n"
        assert await is_closed(reader)
        assert desk.refusals("TOO_MANY_STARTUPS") == 1


async def test_an_address_has_a_limit_of_its_own(tmp_path: Path) -> None:
    async with FrontDesk(tmp_path, {"maxConnectionsPerAddress": 1}).open() as desk, desk.login():
        refused = await refusal(desk)
        assert (refused.code, desk.refusals("TOO_MANY_FROM_ADDRESS")) == (asyncssh.DISC_TOO_MANY_CONNECTIONS, 1)
        assert "from your address" in refused.reason


async def test_the_oldest_silent_one_is_closed_for_a_newcomer(tmp_path: Path) -> None:
    async with FrontDesk(tmp_path, {"maxStartups": 2}).open() as desk:
        (oldest, _), (_, _) = await desk.socket(), await desk.socket()
        await desk.until_connected(2)
        async with desk.login() as connection:
            assert await is_closed(oldest)
            assert desk.connected() == 2
            assert (await connection.run("echo in")).stdout == "in\n"


async def test_a_silent_one_goes_before_an_older_one_that_named_its_user(tmp_path: Path) -> None:
    asked, answer = asyncio.Event(), asyncio.Event()

    class Slow(asyncssh.SSHClient):
        async def password_auth_requested(self) -> str:
            asked.set()
            await answer.wait()
            return "wonderland"

    async with FrontDesk(tmp_path, {"maxStartups": 2}).open() as desk:
        typing = asyncio.create_task(log_in_slowly(desk, Slow))
        await asked.wait()
        silent, _ = await desk.socket()
        await desk.until_connected(2)
        await desk.socket()
        assert await is_closed(silent)
        answer.set()
        assert await typing == "in\n"


async def log_in_slowly(desk: FrontDesk, client: type[asyncssh.SSHClient]) -> object:
    async with desk.login(client_keys=None, client_factory=client) as connection:
        return (await connection.run("echo in")).stdout


async def test_a_client_that_says_nothing_is_closed_and_told(tmp_path: Path) -> None:
    async with FrontDesk(tmp_path, {"handshakeTime": "100ms"}).open() as desk:
        reader, _ = await desk.socket()
        said = await asyncio.wait_for(reader.read(), _SECONDS)
        assert b"The key exchange took too long." in said
        assert desk.refusals("HANDSHAKE_TIMED_OUT") == 1


async def test_a_client_that_does_not_log_in_is_closed_and_told(tmp_path: Path) -> None:
    class Hesitant(asyncssh.SSHClient):
        async def password_auth_requested(self) -> str:
            await asyncio.sleep(_SECONDS)
            return ""

    async with FrontDesk(tmp_path, {"loginGraceTime": "500ms"}).open() as desk:
        with pytest.raises(asyncssh.DisconnectError, match="The login took too long") as late:
            await log_in_slowly(desk, Hesitant)
        assert (late.value.code, desk.refusals("LOGIN_TIMED_OUT")) == (asyncssh.DISC_BY_APPLICATION, 1)


async def test_a_login_ends_both_deadlines(tmp_path: Path) -> None:
    limits = {"handshakeTime": "500ms", "loginGraceTime": "600ms"}
    async with FrontDesk(tmp_path, limits).open() as desk, desk.login() as connection:
        assert (await connection.run("sleep 1; echo in")).stdout == "in\n"


async def test_a_client_that_does_not_answer_is_ended_after_the_count(tmp_path: Path) -> None:
    limits = {"clientAliveInterval": "50ms", "clientAliveCountMax": 2}
    async with FrontDesk(tmp_path, limits).open() as desk:
        connection = await desk.login()
        connection._transport.pause_reading()  # as if its network were gone
        await desk.until_connected(0)
        assert desk.refusals("CLIENT_GONE") == 1
        connection.abort()


async def test_a_client_that_answers_stays(tmp_path: Path) -> None:
    limits = {"clientAliveInterval": "50ms", "clientAliveCountMax": 1}
    async with FrontDesk(tmp_path, limits).open() as desk, desk.login() as connection:
        assert (await connection.run("sleep 1; echo here")).stdout == "here\n"
        assert desk.refusals("CLIENT_GONE") == 0


async def test_a_burst_of_clients_finds_room_in_the_kernels_queue(tmp_path: Path) -> None:
    async with FrontDesk(tmp_path, {}).open() as desk:
        with ExitStack() as stack:
            # The loop accepts nobody meanwhile; whoever finds the queue full tries again after a second.
            for _ in range(400):
                stack.enter_context(socket.create_connection(("127.0.0.1", desk.listener.port), 0.9))


async def test_nothing_is_counted_when_all_have_left(tmp_path: Path) -> None:
    async with FrontDesk(tmp_path, {"maxConnections": 1, "maxConnectionsPerAddress": 2}).open() as desk:
        async with desk.login():
            await refusal(desk)
        for _ in range(3):
            _, writer = await desk.socket()
            writer.close()
        await desk.until_connected(0)
        admission = desk.listener._limits.admission
        assert (admission.guests(), admission._by_source, admission._refused) == ([], {}, {})
