"""A server that a test may kill, and what is left of it then."""

from __future__ import annotations

import os
import re
import signal
import socket
import time
import urllib.request
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from docker import DockerClient
from docker.errors import APIError
from docker.models.containers import Container
from prometheus_client.parser import text_string_to_metric_families

from .leftovers import await_none_but, sshore_containers
from .server import EVENT_SECONDS, STOP_SECONDS, Server

GONE_SECONDS = 2.0
"""How long after the end of whatever held it a container may still be there."""

_PAUSE = 0.02
_ORDER = re.compile(r"/run/sshore/[0-9a-f]{32}\.order")
"""What a shell that waits has among its arguments."""
_IDLE_WORKER = re.compile(r'^\):\n  File "[^"]*/concurrent/futures/thread\.py", line \d+ in _worker\n')


@dataclass(frozen=True, slots=True)
class Resources:
    """What a process holds."""

    threads: tuple[str, ...]
    """Their stacks, but for idle workers of the loop's own pool: it keeps up to six of them for good."""
    descriptors: int
    children: int

    def within(self, limit: Resources) -> bool:
        """Whether nothing is more than in `limit`."""
        return (
            len(self.threads) <= len(limit.threads)
            and self.descriptors <= limit.descriptors
            and self.children <= limit.children
        )


class Gateway(Server):
    """A server with metrics. `state` may be shared with other gateways; `containers` are its own only."""

    def __init__(
        self,
        folder: Path,
        client: DockerClient,
        host: str,
        execution: dict[str, Any],
        *,
        sections: Mapping[str, Any] | None = None,
        **more: Any,
    ) -> None:
        self._client = client
        self._metrics_port = _free_port()
        own = {"metrics": {"enable": True, "listen": f"127.0.0.1:{self._metrics_port}"}}
        super().__init__(folder, client, host, execution, sections={**own, **(sections or {})}, **more)

    def start(self) -> None:
        super().start()
        self.id = self.gateway
        self.process = psutil.Process(self.pid)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to it, not to its janitor."""
        os.kill(self.pid, number)

    def wait(self, seconds: float = STOP_SECONDS) -> int:
        """Wait for its end; return the exit status, negative for a signal."""
        assert self._process is not None
        return self._process.wait(seconds)

    @property
    def janitor(self) -> psutil.Process:
        """Its one child."""
        (janitor,) = self.process.children()
        return janitor

    def kill(self) -> None:
        """`kill -9`. Its janitor learns of it and works."""
        self.signal(signal.SIGKILL)
        assert self.wait() == -signal.SIGKILL

    def kill_janitor_first(self) -> None:
        """`kill -9` of both. The gateway is stopped meanwhile, or it would start another janitor."""
        janitor = self.janitor
        self.signal(signal.SIGSTOP)
        janitor.kill()
        # It stays a zombie until the gateway, its parent, has gone.
        wait_until(lambda: not janitor.is_running() or janitor.status() == psutil.STATUS_ZOMBIE)
        self.kill()

    def containers(self) -> list[Container]:
        """Return its users' containers, in whatever state."""
        handed_out = self.handed_out()
        return [one for one in self.all_containers() if one.attrs["Labels"].get("sshore.pool") in (None, *handed_out)]

    def all_containers(self) -> list[Container]:
        """Return its containers, those that wait for users or are to wait included."""
        there = sshore_containers(self._client, {"sshore.gateway": self.id})
        found = self._client.containers.list(all=True, filters={"label": f"sshore.gateway={self.id}"}, sparse=True)
        return [container for container in found if container.id in there]

    def guarded(self) -> bool:
        """Whether a program runs beside each container's main one; in session mode only the guard does."""
        # The engine calls an exec running before its process shows among the container's.
        seen = self.processes()
        inspected = [self._client.api.inspect_container(container.id) for container in self.containers()]
        return all(self._pids(one["ExecIDs"] or ()) & seen for one in inspected)

    def processes(self) -> set[str]:
        """Return the ids of the processes in all of its users' containers, but for shells that wait for a program."""
        found: set[str] = set()
        for container in self.containers():
            # It may have ended meanwhile.
            with suppress(APIError):
                table = container.top()
                pid, command = table["Titles"].index("PID"), table["Titles"].index("CMD")
                found.update(row[pid] for row in table["Processes"] or () if not _ORDER.search(row[command]))
        return found

    def settled_processes(self) -> set[str]:
        """Return the same once it stays so: an exec that begins has others beside it for a moment."""
        last: set[str] = set()

        def stays() -> bool:
            nonlocal last
            before, last = last, self.processes()
            return bool(last) and last == before

        wait_until(stays)
        return last

    def await_no_container(self, seconds: float = EVENT_SECONDS) -> None:
        """Fail unless its last container goes within so many seconds; while it lives, its users' last one."""
        if self.alive:
            wait_until(lambda: not self.containers(), seconds)
            return
        left = await_none_but(self._client, (), seconds, {"sshore.gateway": self.id})
        assert not left, f"after {seconds:g} s: {sorted(left.values())}\n{self.log}"

    def await_full_pool(self, seconds: float = EVENT_SECONDS) -> None:
        """Wait until as many containers wait for users as are to."""
        wait_until(lambda: self.metric("sshore_pool_waiting") == self.pool_size, seconds)

    def await_shells(self, connections: int) -> None:
        """Wait until shells wait wherever they are to, with so many connections; what is counted then stays so."""
        mode = self.settings["docker"]["execution"].get("mode", "connection")
        count = 2 * (connections + self.pool_size) if mode == "connection" else 0
        wait_until(lambda: self.metric("sshore_shells_waiting") == count)

    def removal_seconds(self, image: str, count: int) -> float:
        """How long `docker rm -f` takes for so many containers of the same kind, now."""
        made = [
            self._client.containers.run(image, ["sleep", "1000"], detach=True, init=True, network_mode="none").id
            for _ in range(count)
        ]
        began = time.monotonic()
        for one in made:
            self._client.api.remove_container(one, force=True)
        return time.monotonic() - began

    def metric(self, name: str, **labels: str) -> float:
        """Return a sample of the exporter's; 0.0 for one that was never counted."""
        return sum(value for found, value in self.samples(name) if found == labels)

    def samples(self, name: str) -> list[tuple[dict[str, str], float]]:
        """Return labels and values of all samples of that name."""
        url = f"http://127.0.0.1:{self._metrics_port}/metrics"
        with urllib.request.urlopen(url, timeout=EVENT_SECONDS) as answer:
            families = list(text_string_to_metric_families(answer.read().decode()))
        samples = (sample for family in families for sample in family.samples)
        return [(sample.labels, sample.value) for sample in samples if sample.name == name]

    def stacks(self) -> list[str]:
        """Return the stack of every thread, as SIGUSR1 has them printed."""
        mark = self.log_mark()
        self.signal(signal.SIGUSR1)
        # The main thread is the last, and where it began is the last line.
        self.wait_for_log("in _run_module_as_main", since=mark)
        return self.log[mark:].split("most recent call first")[1:]

    def resources(self) -> Resources:
        """Return what it holds now."""
        threads = tuple(stack for stack in self.stacks() if not _IDLE_WORKER.search(stack))
        return Resources(threads, self.process.num_fds(), len(self.process.children(recursive=True)))

    def await_resources(self, limit: Resources) -> None:
        """Fail unless it soon holds no more than `limit`."""
        try:
            wait_until(lambda: self.resources().within(limit))
        except AssertionError:
            raise AssertionError(f"{self.resources()}\nis more than {limit}\n{self.log}") from None

    def discard(self) -> None:
        """End it, if it runs as it should, and remove whatever it left behind."""
        try:
            if self.alive:
                self.stop()
        finally:
            if self.alive:
                self.signal(signal.SIGKILL)
                self.wait()
            for container in sshore_containers(self._client, {"sshore.gateway": self.id}):
                # Its janitor may be at it, or quicker.
                with suppress(APIError):
                    self._client.api.remove_container(container, force=True)

    def _pids(self, exec_ids: Iterable[str]) -> set[str]:
        return {str(self._client.api.exec_inspect(exec_id)["Pid"]) for exec_id in exec_ids}


StartGateway = Callable[..., Gateway]
"""Starts one in a mode; the other arguments are those of `Gateway`."""


def wait_until(condition: Callable[[], object], seconds: float = EVENT_SECONDS) -> None:
    """Wait for something that nothing tells of."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds:g} s"
        time.sleep(_PAUSE)


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])
