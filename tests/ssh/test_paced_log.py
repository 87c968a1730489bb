"""What a client repeats does not fill the log, and nothing of it is silent."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any, cast

from asyncssh.constants import MSG_GLOBAL_REQUEST
from asyncssh.packet import Boolean, String, UInt32
from support.channel_requests import REQUESTS, ask, open_channel
from support.client import eventually
from support.front_desk import FrontDesk

_MANY = 30
_MAY_END_IT = {"signal URG", "signal USR1", "break"}
"""What reaches the program."""
_AFTER_A_PAUSE = 3
"""Lines for which so slow a test leaves time: one a minute."""
_REFUSALS = ("session_refused", "request_refused", "signal_refused", "forwarding_refused")


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


async def test_requests_that_are_made_in_a_loop_are_few_lines_and_every_refusal_is_counted(tmp_path: Path) -> None:
    async with FrontDesk(tmp_path, {}).open() as desk:
        async with desk.login() as login:
            bare, busy = await open_channel(login), await open_channel(login)
            assert await busy._make_request(b"exec", String("cat"))
            answers = [await ask(bare, "subsystem other") for _ in range(_MANY)]
            for request in (one for one in REQUESTS if one not in _MAY_END_IT):
                answers += [await ask(busy, request) for _ in range(_MANY)]
        await eventually(lambda: bool(desk.book.of("disconnected")), "the end")
        await eventually(lambda: desk.metrics.registry.get_sample_value("sshore_sessions_current") == 0, "its sessions")
        refused = _refusals_of_all_kinds(desk)
        assert answers.count(False) >= refused >= 5 * _MANY
        lines = [line for line in desk.book.lines if line["event"] in _REFUSALS]
        written = [line for line in lines if "code" in line]
        assert len(written) + sum(line.get("left_out", 0) for line in lines) == refused
        kinds = Counter(line["event"] for line in written)
        assert set(kinds) == set(_REFUSALS)
        assert max(kinds.values()) <= 10 + _AFTER_A_PAUSE


def _refusals_of_all_kinds(desk: FrontDesk) -> float:
    samples = (sample for family in desk.metrics.registry.collect() for sample in family.samples)
    return sum(sample.value for sample in samples if sample.name == "sshore_refusals_total")
