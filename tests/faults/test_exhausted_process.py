"""A process without descriptors, threads or disk: newcomers wait or are refused, and nobody else is harmed."""

from __future__ import annotations

import re
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest
from support.census import LeavesNothing, warm_up
from support.clients import clients
from support.gateway import Gateway, StartGateway, wait_until

pytestmark = [pytest.mark.engine, pytest.mark.timeout(180)]

DESCRIPTORS = 1000
CROWD = 1200
UNLIMITED = {"limits": {"maxStartups": 0, "maxConnections": 0, "maxConnectionsPerAddress": 0}}
LONG = 60.0


def test_more_clients_than_descriptors(start_gateway: StartGateway, leaving_nothing: LeavesNothing) -> None:
    gateway = start_gateway("connection", wrapper=["prlimit", f"--nofile={DESCRIPTORS}"], sections=UNLIMITED)
    before, janitor = warm_up(gateway), gateway.janitor
    with (
        leaving_nothing(f"{CROWD} clients for {DESCRIPTORS} descriptors", gateway, before) as fault,
        clients(gateway, 1, "echo ready; exec cat") as (neighbour,),
        ExitStack() as door,
    ):
        neighbour.expect("ready")
        mark = gateway.log_mark()
        crowd = [door.enter_context(socket.create_connection(("127.0.0.1", gateway.port))) for _ in range(CROWD)]
        gateway.wait_for_log("event=clients_wait", LONG, since=mark)
        assert len(crowd) > gateway.process.num_fds() > DESCRIPTORS * 0.9
        fault.begins()
        assert busy_share(gateway, 2.0) < 0.5
        neighbour.type("unharmed")
        neighbour.expect("unharmed")
        janitor.kill()
        with clients(gateway, 1, "echo got in", stdin=False) as (newcomer,):
            assert newcomer.process.poll() is None
            door.close()
            assert newcomer.wait() == 0
            assert newcomer.output == b"got in\n"
        fault.saw = "newcomers wait until there is room"
        # The janitor that died meanwhile is replaced as soon as that is possible.
        wait_until(lambda: [child for child in gateway.process.children() if child != janitor])
        neighbour.log_out()
        assert neighbour.wait() == 0
    assert len(re.findall("event=clients_wait", gateway.log)) < 10
    assert "socket.accept" not in gateway.log


def busy_share(gateway: Gateway, seconds: float) -> float:
    """The share of a processor that it takes."""
    took, began = sum(gateway.process.cpu_times()[:2]), time.monotonic()
    with suppress(subprocess.TimeoutExpired):
        gateway.wait(seconds)
    return (sum(gateway.process.cpu_times()[:2]) - took) / (time.monotonic() - began)


# Threads: root has as many as it likes, so that Python is told of the end instead.

NO_THREADS = """
import os, threading
start = threading.Thread.start

def start_or_fail(self):
    if os.path.exists({flag!r}):
        raise RuntimeError("can't start new thread")
    start(self)

threading.Thread.start = start_or_fail
"""


def test_no_thread_for_another_actor(
    start_gateway: StartGateway, leaving_nothing: LeavesNothing, mode: str, tmp_path: Path
) -> None:
    flag = tmp_path / "flag"
    (tmp_path / "sitecustomize.py").write_text(NO_THREADS.format(flag=str(flag)))
    gateway = start_gateway(mode, wrapper=["env", f"PYTHONPATH={tmp_path}"])
    before = warm_up(gateway)
    with (
        leaving_nothing("no thread for another actor", gateway, before) as fault,
        gateway.master() as shared,
        clients(gateway, 1, "echo ready; exec cat", options=shared) as (neighbour,),
    ):
        neighbour.expect("ready")
        flag.touch()
        fault.begins()
        with (
            clients(gateway, 1, "true", stdin=False) as (newcomer,),
            clients(gateway, 1, "true", options=[*shared, "-o", "ControlMaster=no"], stdin=False) as (sibling,),
        ):
            assert newcomer.wait() == 255
            assert sibling.wait() != 0
            fault.saw = newcomer.output.decode().splitlines()[0]
            assert "Something went wrong inside the server" in fault.saw
        neighbour.type("unharmed")
        neighbour.expect("unharmed")
        flag.unlink()
        assert gateway.ssh("echo back").stdout == b"back\n"
        neighbour.log_out()
        assert neighbour.wait() == 0


# The disk.


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """A file system of 256 KiB."""
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k,mode=0700", "sshore-tests", folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


@contextmanager
def full(disk: Path) -> Iterator[None]:
    """Meanwhile there is no room for a byte."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while file.write(b"x" * 4096):
            pass
    try:
        yield
    finally:
        filler.unlink()


def test_a_full_disk_under_the_state_folder_and_the_log(
    start_gateway: StartGateway, leaving_nothing: LeavesNothing, mode: str, tmp_path: Path
) -> None:
    with small_disk(tmp_path / "disk") as disk:
        gateway = start_gateway(mode, state=disk / "state", log=disk / "log")
        before = warm_up(gateway)
        with leaving_nothing("the disk of state folder and log is full", gateway, before) as fault:
            with full(disk):
                fault.begins()
                use_it(gateway)
                wait_until(lambda: gateway.metric("sshore_log_lines_lost_total") > 0)
            fault.saw = "nothing"
            use_it(gateway)
            gateway.wait_for_log(r"event=log_lines_lost .*lines=\d+")
        gateway.stop()


def use_it(gateway: Gateway) -> None:
    with clients(gateway, 5, "echo as ever", stdin=False) as users:
        for user in users:
            assert user.wait() == 0
            assert user.output == b"as ever\n"


READ_BY_CAT = ["bash", "-c", 'exec "$@" 2> >(exec cat >&2)', "bash"]
ROUNDS = 8
"""They fill the pipe more than once."""


def test_a_log_that_nobody_reads(start_gateway: StartGateway, leaving_nothing: LeavesNothing, mode: str) -> None:
    gateway = start_gateway(mode, log_level="debug", wrapper=READ_BY_CAT)
    before = warm_up(gateway)
    [reader] = [child for child in gateway.process.children() if child.name() == "cat"]
    with leaving_nothing("nobody reads the log", gateway, before) as fault:
        reader.suspend()
        mark = gateway.log_mark()
        try:
            fault.begins()
            for _ in range(ROUNDS):
                use_it(gateway)
            assert gateway.log_mark() == mark
        finally:
            reader.resume()
        fault.saw = "nothing"
        # It was more than the pipe takes, and less than may wait.
        wait_until(lambda: gateway.log[mark:].count("event=disconnected") == ROUNDS * 5)
        assert gateway.log_mark() - mark > 65_536
        assert gateway.metric("sshore_log_lines_lost_total") == 0
