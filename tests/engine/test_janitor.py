"""The janitor, and that it outlives a gateway that is killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
import structlog
from sshore.engine import labels
from sshore.engine.address import EngineAddress
from sshore.engine.docker_engine import DockerEngine
from sshore.engine.janitor import Cleaning, Order, listen
from sshore.engine.janitor_link import JanitorLink
from sshore.engine.types import ContainerSpec

pytestmark = pytest.mark.engine

GATEWAY_PROCESS = """
import sys, structlog
from sshore.engine.address import EngineAddress
from sshore.engine.janitor_link import JanitorLink
link = JanitorLink(EngineAddress.parse(sys.argv[1]), sys.argv[2], structlog.get_logger(), grace=1)
for name in sys.argv[3:]:
    link.claim(name)
print(link.pid, flush=True)
sys.stdin.read()
link.dismiss()
"""


@pytest.fixture
def gateway_id() -> str:
    return f"engine-test-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def link(address: EngineAddress, gateway_id: str) -> Iterator[JanitorLink]:
    link = JanitorLink(address, gateway_id, structlog.get_logger(), grace=0.3)
    yield link
    link.close()


def make(engine: DockerEngine, name: str, gateway: str | None, *, started: bool) -> str:
    config = {
        "Image": "sshore/mini",
        "Cmd": ["sleep", "1000"],
        "Labels": {labels.GATEWAY: gateway} if gateway else {},
        "HostConfig": {"NetworkMode": "none"},
    }
    container = engine.create_container(ContainerSpec(name, config), timeout=10)
    if started:
        engine.start_container(container, timeout=20)
    return container


def test_killing_a_gateway_leaves_none_of_its_containers_and_no_janitor(
    engine: DockerEngine, engine_host: str, gateway_id: str
) -> None:
    names = [f"{gateway_id}-{number}" for number in range(6)]
    gateway = _gateway(engine_host, gateway_id, *names, f"{gateway_id}-never-created")
    assert gateway.stdout is not None
    janitor = psutil.Process(int(gateway.stdout.readline()))
    others = f"{gateway_id}-others"
    try:
        make(engine, others, None, started=False)
        for number, name in enumerate(names):
            make(engine, name, gateway_id if number % 2 else None, started=number < 4)
        make(engine, f"{gateway_id}-labelled", gateway_id, started=False)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGABRT):
            janitor.send_signal(number)
        gateway.kill()
        gateway.wait()
        janitor.wait(10)
        left = _names(engine, gateway_id)
        assert left == {others}
    finally:
        engine.remove_container(others, timeout=10)


def test_a_dismissed_janitor_removes_nothing(
    engine: DockerEngine, engine_host: str, gateway_id: str, name: str
) -> None:
    gateway = _gateway(engine_host, gateway_id, name)
    assert gateway.stdout is not None
    janitor = psutil.Process(int(gateway.stdout.readline()))
    make(engine, name, gateway_id, started=False)
    gateway.communicate("")
    assert not janitor.is_running()
    assert engine.inspect_container(name, timeout=5).name == name


def test_a_container_that_is_created_late_is_removed_too(
    engine: DockerEngine, address: EngineAddress, gateway_id: str, name: str
) -> None:
    cleaning = Cleaning(Order(address, gateway_id, grace=1.5), {name})
    left: list[set[str]] = []
    thread = threading.Thread(target=lambda: left.append(cleaning.run()))
    thread.start()
    _wait_until(lambda: cleaning.rounds >= 2)
    make(engine, name, None, started=False)
    thread.join(20)
    assert left == [set()]
    assert _names(engine, name) == set()


def test_a_janitor_that_dies_is_replaced_by_one_that_knows_the_claims(
    engine: DockerEngine, link: JanitorLink, name: str
) -> None:
    released, first = f"{name}-released", link.pid
    link.claim(name)
    link.claim(released)
    link.release(released)
    os.kill(first, signal.SIGKILL)
    _wait_until(lambda: link.pid != first)
    late = f"{name}-late"
    link.claim(late)
    second = psutil.Process(link.pid)
    for one in (name, released, late):
        make(engine, one, None, started=False)
    link.close()
    second.wait(10)
    try:
        assert _names(engine, name) == {released}
    finally:
        engine.remove_container(released, timeout=10)


def test_claims_of_many_threads_all_arrive_while_the_janitor_dies(
    engine: DockerEngine, link: JanitorLink, name: str
) -> None:
    first, started = link.pid, threading.Barrier(9)

    def claim(thread: int) -> None:
        started.wait()
        for number in range(50):
            link.claim(f"{name}-{thread}-{number}")
            if number != 49:
                link.release(f"{name}-{thread}-{number}")

    threads = [threading.Thread(target=claim, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    started.wait()
    os.kill(first, signal.SIGKILL)
    for thread in threads:
        thread.join(30)
    last = {f"{name}-{number}-49" for number in range(8)}
    assert link.names == last
    for one in last:
        make(engine, one, None, started=False)
    _wait_until(lambda: link.pid != first)
    second = psutil.Process(link.pid)
    link.close()
    second.wait(20)
    assert _names(engine, name) == set()


def test_a_link_leaves_no_process_no_thread_and_no_open_file(address: EngineAddress) -> None:
    files, threads = _open_files(), threading.active_count()
    link = JanitorLink(address, "nobody", structlog.get_logger())
    pid = link.pid
    link.claim("x")
    link.release("x")
    link.dismiss()
    link.dismiss()
    assert not psutil.pid_exists(pid)
    assert (_open_files(), threading.active_count()) == (files, threads)


def test_no_child_of_the_gateway_holds_the_janitors_pipe(link: JanitorLink) -> None:
    child = subprocess.run(["ls", "-l", "/proc/self/fd"], capture_output=True, text=True, check=True, close_fds=False)
    pipe = os.readlink(f"/proc/{link.pid}/fd/0")
    assert pipe.startswith("pipe:")
    assert pipe not in child.stdout


def test_a_janitor_holds_nothing_of_the_gateways_and_is_small(link: JanitorLink, tmp_path: Path) -> None:
    janitor = psutil.Process(link.pid)
    with (tmp_path / "held").open("w"):
        assert [file.path for file in janitor.open_files()] == []
    assert os.getsid(link.pid) == link.pid
    assert janitor.memory_info().rss < 40 << 20


def test_claims_and_releases_are_followed_and_bye_ends_them() -> None:
    assert listen([b"+a\n", b"+b\n", b"-a\n"]) == {"b"}
    assert listen([b"+a\n", b"bye\n"]) is None


def test_an_order_is_read_as_it_is_written(address: EngineAddress) -> None:
    fields = {"host": address.base_url, "cacert": "", "cert": "", "key": "", "gateway": "g", "grace": 3}
    assert Order.parse(json.dumps(fields).encode()) == Order(address, "g", 3)


def _gateway(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", GATEWAY_PROCESS, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def _names(engine: DockerEngine, prefix: str) -> set[str]:
    return {row.name for row in engine.list_containers({}, timeout=5) if row.name.startswith(prefix)}


def _wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def _open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_what_is_listed_and_not_known_any_more_is_waited_for_no_longer(
    address: EngineAddress, gateway_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    cleaning = Cleaning(Order(address, gateway_id, grace=0.1), set())
    # As of an engine that was killed: its list has what it removed at its start.
    monkeypatch.setattr(cleaning, "_list", lambda: {f"{gateway_id}-ghost"})
    assert cleaning.run() == set()
    assert cleaning.rounds == 1
