"""Much data through a session: it arrives unchanged, and the server keeps none of it."""

from __future__ import annotations

import hashlib
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from support.server import Server

pytestmark = [pytest.mark.engine, pytest.mark.timeout(300)]

MIB = 1024 * 1024
SIZE = int(os.environ.get("SSHORE_TESTS_TRANSFER_MIB", "256")) * MIB
WARM_UP = 48 * MIB
GROWTH = 8 * MIB
_BLOCK = os.urandom(MIB)


def upload(server: Server, size: int) -> None:
    """Send `size` bytes; the far side's sum must be ours."""
    sent = hashlib.sha256()
    with subprocess.Popen(server.ssh_argv("sha256sum"), stdin=subprocess.PIPE, stdout=subprocess.PIPE) as client:
        assert client.stdin is not None
        assert client.stdout is not None
        for number in range(size // MIB):
            block = number.to_bytes(8, "big") + _BLOCK[8:]
            sent.update(block)
            client.stdin.write(block)
        client.stdin.close()
        assert client.stdout.read().split()[0].decode() == sent.hexdigest()
    assert client.returncode == 0


def download(server: Server, size: int) -> None:
    """Fetch `size` random bytes; their sum must be the far side's, which says it on stderr."""
    command = f"bash -c 'head -c {size} /dev/urandom | tee >(sha256sum >&2)'"
    received, count = hashlib.sha256(), 0
    with subprocess.Popen(server.ssh_argv(command), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as client:
        assert client.stdout is not None
        assert client.stderr is not None
        while block := client.stdout.read(MIB):
            received.update(block)
            count += len(block)
        assert client.stderr.read().split()[0].decode() == received.hexdigest()
    assert client.returncode == 0
    assert count == size


@pytest.mark.parametrize("transfer", [upload, download])
def test_a_large_transfer_is_unchanged_and_the_server_does_not_grow(
    server: Server, transfer: Callable[[Server, int], None]
) -> None:
    transfer(server, WARM_UP)
    before = psutil.Process(server.pid).memory_info().rss
    forget_peak(server.pid)

    transfer(server, SIZE)

    assert peak(server.pid) - before <= GROWTH


def test_a_client_that_stops_reading_does_not_make_the_server_grow(server: Server) -> None:
    def stall() -> int:
        client = subprocess.Popen(server.ssh_argv("cat /dev/zero"), stdout=subprocess.PIPE)
        try:
            assert client.stdout is not None
            client.stdout.read(16 * MIB)
            wait_until_nothing_moves(server.pid)
            return peak(server.pid)
        finally:
            client.kill()
            client.communicate()

    stall()
    before = psutil.Process(server.pid).memory_info().rss
    forget_peak(server.pid)

    assert stall() - before <= GROWTH


def wait_until_nothing_moves(pid: int, quiet: float = 0.5, seconds: float = 30) -> None:
    """Everything between a program and its stalled client is full once the server has not written for a while."""
    written, since = -1, time.monotonic()
    deadline = since + seconds
    while time.monotonic() - since < quiet:
        assert time.monotonic() < deadline
        if written != (written := psutil.Process(pid).io_counters().write_chars):
            since = time.monotonic()
        time.sleep(quiet / 10)


def forget_peak(pid: int) -> None:
    """Have the kernel measure the peak of resident memory anew (proc(5), clear_refs)."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def peak(pid: int) -> int:
    """The most bytes that were resident since."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))
