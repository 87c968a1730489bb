"""A program that is woken by a key finds the size which the client's window had then."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncssh
import pytest
from support.own_sshd import OwnSshd
from support.server import EVENT_SECONDS, Server

pytestmark = pytest.mark.engine

TRIES = 10
SHOW_SIZES = "stty -echo; echo ready; while read -r line; do stty size; done"


async def sizes_seen(connection: asyncssh.SSHClientConnection) -> list[str]:
    """What a program sees whose client changes its window and types, both in one packet, again and again."""
    process = await connection.create_process(SHOW_SIZES, term_type="xterm", term_size=(80, 24))
    assert (await process.stdout.readline()).strip() == "ready"
    seen = []
    for number in range(TRIES):
        transport: Any = connection._transport
        pieces: list[bytes] = []
        send, transport.write = transport.write, pieces.append
        process.change_terminal_size(100 + number, 30 + number)
        process.stdin.write("\n")
        transport.write = send
        send(b"".join(pieces))
        seen.append((await asyncio.wait_for(process.stdout.readline(), EVENT_SECONDS)).strip())
    return seen


EXPECTED = [f"{30 + number} {100 + number}" for number in range(TRIES)]


async def test_a_key_right_after_a_new_size_finds_it(server: Server) -> None:
    async with server.connect() as connection:
        assert await sizes_seen(connection) == EXPECTED


async def test_it_does_under_sshd(tmp_path_factory: pytest.TempPathFactory) -> None:
    sshd = OwnSshd(tmp_path_factory.mktemp("sshd"))
    sshd.start()
    try:
        async with sshd.connect() as connection:
            assert await sizes_seen(connection) == EXPECTED
    finally:
        sshd.stop()


async def test_in_a_storm_of_sizes_each_key_comes_and_the_last_finds_the_last_size(server: Server) -> None:
    async with server.connect() as connection:
        process = await connection.create_process(SHOW_SIZES, term_type="xterm", term_size=(80, 24))
        assert (await process.stdout.readline()).strip() == "ready"
        for number in range(1, 301):
            process.change_terminal_size(100 + number, 40)
            if number % 10 == 0:
                process.stdin.write("\n")
        seen = [(await asyncio.wait_for(process.stdout.readline(), EVENT_SECONDS)).strip() for _ in range(30)]
        columns = [int(line.split()[1]) for line in seen]
        assert columns == sorted(columns)
        assert all(column >= 100 + 10 * (number + 1) for number, column in enumerate(columns))
        assert columns[-1] == 400
