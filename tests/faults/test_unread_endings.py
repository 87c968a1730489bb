"""Programs that end while nobody reads them: all they wrote is there when their client reads on."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
from support.gateway import Gateway, StartGateway
from support.growth import GROWTH, MIB, Growth
from support.rude import ready, rude

pytestmark = pytest.mark.engine

STATUS = 7
LINE = 1000
CLIENTS = 3
MANY = 16
WINDOWS = 64 * 1024
MOST = 32 * MIB
TO_THE_BRIM = f"""exec perl -MFcntl -MTime::HiRes=time,sleep -e '
    fcntl(STDOUT, F_SETFL, O_NONBLOCK);
    for ($last = time; time - $last < %g;) {{
        if (syswrite STDOUT, "x" x {LINE}) {{ $said += {LINE}; $last = time }} else {{ sleep 0.01 }}
    }}
    print STDERR $said; exit {STATUS}'"""
"""Writes until nothing has gone on for so many seconds, and ends: every buffer on the way is full then."""


@pytest.mark.parametrize("linger", [0.1, 1.2], ids=["soon", "after a while"])
def test_the_output_of_a_program_that_ends_while_its_client_does_not_read_is_complete(
    start_gateway: StartGateway, guest_image: str, mode: str, linger: float
) -> None:
    gateway = start_gateway(mode, image=guest_image)
    assert gateway.ssh("true").returncode == 0
    growth, mark = Growth(gateway.pid), gateway.log_mark()
    with ExitStack() as stack:
        clients = [stack.enter_context(unread(gateway, TO_THE_BRIM % linger)) for _ in range(CLIENTS)]
        # The engine tells it when it keeps nothing for them any more.
        gateway.wait_for_log(f"(?s)(program_ended.*){{{CLIENTS}}}", since=mark)
        grown = growth.peak
        for client in clients:
            output, said = client.communicate()
            assert (len(output), client.returncode) == (int(said), STATUS)
    assert grown <= CLIENTS * GROWTH, f"{grown / MIB:.1f} MiB"


async def test_what_ended_programs_said_to_a_client_that_does_not_read_is_bounded(
    start_gateway: StartGateway, guest_image: str, mode: str
) -> None:
    # As much as their windows take: of what an engine holds nothing has room.
    gateway = start_gateway(mode, image=guest_image, limits={"maxMemoryPerConnection": MANY * WINDOWS})
    async with rude(gateway) as connection:
        assert (await connection.run("true")).exit_status == 0
        growth = Growth(gateway.pid)
        for _ in range(MANY):
            await ready(connection, TO_THE_BRIM % 0.3, term_type="xterm", window=1000)
        await growth.standstill()
        saw = f"{growth.peak / MIB:.1f} MiB"
        assert growth.peak <= MOST, saw
        assert "code=OUTPUT_LOST" in gateway.log, saw


@contextmanager
def unread(gateway: Gateway, command: str) -> Iterator[subprocess.Popen[bytes]]:
    """Start a client whose output nobody reads yet."""
    nothing, pipe = subprocess.DEVNULL, subprocess.PIPE
    with subprocess.Popen(gateway.ssh_argv(command), stdin=nothing, stdout=pipe, stderr=pipe) as client:
        try:
            yield client
        finally:
            client.kill()
