"""A client is read from again, whatever its connection waits for."""

from __future__ import annotations

from pathlib import Path

from asyncssh.constants import MSG_CHANNEL_DATA, MSG_CHANNEL_WINDOW_ADJUST
from asyncssh.packet import String, UInt32
from support.client import eventually
from support.front_desk import FrontDesk
from support.wire import Wire, wire

LARGEST = 100
GRANTED = 4_000
"""More packets than are sent at once."""
ROUNDS = 40
"""In some of them the connection owes nothing for what it did before, and its packets are handled at once."""


async def test_after_a_window_that_the_output_uses_up(tmp_path: Path) -> None:
    async with FrontDesk(tmp_path, {}).open() as desk, wire(desk.login()) as w:
        await w.open(window=0, largest=LARGEST)
        w.request("exec", String(f"head -c {ROUNDS * GRANTED} /dev/zero"))
        await w.fate()
        for _ in range(ROUNDS):
            w.send(MSG_CHANNEL_WINDOW_ADJUST, UInt32(w.channel), UInt32(GRANTED))
            # What is asked behind it is answered.
            assert (await w.fate())[0]
        await eventually(lambda: received(w) == ROUNDS * GRANTED, lambda: f"{received(w)} bytes came")


def received(w: Wire) -> int:
    return sum(
        len(payload) - len(b"\x5e") - 2 * len(UInt32(0)) for kind, payload in w.packets if kind == MSG_CHANNEL_DATA
    )
