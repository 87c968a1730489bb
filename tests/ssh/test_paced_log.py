"""What a client repeats does not fill the log, and nothing of it is silent."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, cast

from asyncssh.constants import MSG_GLOBAL_REQUEST
from asyncssh.packet import Boolean, String, UInt32
from support.client import eventually
from support.front_desk import FrontDesk


async def test_forwards_that_are_asked_for_in_a_loop_are_ten_lines_and_a_number(tmp_path: Path) -> None:
    async with FrontDesk(tmp_path, {}).open() as desk:
        async with desk.login() as login:
            connection = cast(Any, login)
            for port in range(500):
                connection._global_request_waiters.append(asyncio.get_running_loop().create_future())
                question = (String("tcpip-forward"), Boolean(True), String("localhost"), UInt32(port))
                connection.send_packet(MSG_GLOBAL_REQUEST, *question)
            await eventually(lambda: not connection._global_request_waiters, "the answers")
            assert len(desk.book.of("forwarding_refused")) == 10
            assert desk.refusals("FORWARDING_REFUSED") == 500
        await eventually(lambda: bool(desk.book.of("disconnected")), "the end")
        *_, last = desk.book.of("forwarding_refused")
        assert last["left_out"] == 490
