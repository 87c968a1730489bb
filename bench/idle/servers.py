"""The processes that are looked at: sshore on either engine, bare asyncssh, and the fake engine's programs alone."""

from __future__ import annotations

import secrets
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench.processes import free_port, make_key, process
from bench.raw_engine import RawEngine
from bench.rig import RUN_LABEL, engine_socket, remove_all, sshore_server
from bench.ssh_client import SshClient

from .crowd import USER

KINDS = ("real", "fake")


@dataclass(frozen=True, slots=True)
class Footprint:
    """A process's memory in KB, and its threads and descriptors."""

    rss: float
    uss: float
    threads: int
    fds: int

    @classmethod
    def of(cls, pid: int) -> Footprint:
        """Look at it now."""
        looked_at = psutil.Process(pid)
        memory = looked_at.memory_full_info()
        return cls(memory.rss / 1024, memory.uss / 1024, looked_at.num_threads(), looked_at.num_fds())


@dataclass(frozen=True, slots=True)
class Server:
    """One process that serves SSH on loopback. `command` idles in it until its stdin ends; None where a shell can."""

    name: str
    pid: int
    port: int
    key: Path
    client: SshClient
    echo: str
    command: str | None = None

    def latency(self) -> float:
        """Return the milliseconds of a newcomer's short command, from nothing to his client's exit."""
        return self.client.cold(self.echo)


class Ground:
    """Where servers are started: a folder with keys, and a run's label for their containers."""

    def __init__(self, folder: Path, image: str) -> None:
        self._folder = folder
        self._image = image
        self.run = secrets.token_hex(6)
        self.key, self._host_key = make_key(folder / "key"), make_key(folder / "host_key")
        (folder / "keys").mkdir()
        self._authorized = folder / "keys" / USER
        self._authorized.write_text(self.key.with_suffix(".pub").read_text())

    @contextmanager
    def sshore(self, name: str, engine: str) -> Iterator[Server]:
        """Start sshore, on the `real` engine or the `fake` one."""
        folder = self._folder / name.replace(" ", "-")
        folder.mkdir()
        port, health = free_port(), free_port()
        config = folder / "sshore.yaml"
        config.write_text(self._configuration(port, health, engine))
        if engine == "real":
            with sshore_server(config, folder, health) as pid:
                yield self._server(name, pid, port, "echo hi")
        else:
            command = [sys.executable, "-m", "bench.idle.fake_server", str(config), str(folder / "state")]
            with (folder / "log").open("wb") as log, process(command, stdout=subprocess.PIPE, stderr=log) as started:
                assert started.stdout is not None
                yield self._server(name, started.pid, int(started.stdout.readline()), "echo hi")

    @contextmanager
    def bare(self, name: str) -> Iterator[Server]:
        """Start an asyncssh server without containers."""
        command = [sys.executable, "-m", "bench.bare_server", str(self._authorized), str(self._host_key)]
        with process(command, stdout=subprocess.PIPE) as started:
            assert started.stdout is not None
            _, quick = started.stdout.readline().split()
            yield self._server(name, started.pid, int(quick), "true", "sink")

    def _server(self, name: str, pid: int, port: int, echo: str, command: str | None = None) -> Server:
        client = SshClient(port, self.key, self._folder / f"{port}.ctl")
        return Server(name, pid, port, self.key, client, echo, command)

    def _configuration(self, port: int, health: int, engine: str) -> str:
        network = ", host: {NetworkMode: none}" if engine == "fake" else ""
        container = f'container: {{Image: "{self._image}", Labels: {{{RUN_LABEL}: "{self.run}"}}}}'
        return f"""\
ssh: {{listen: "127.0.0.1:{port}", hostkeys: ["{self._host_key}"]}}
auth: {{authorizedKeys: "{self._authorized.parent}/%u"}}
limits: {{maxConnections: 0, maxConnectionsPerAddress: 0}}
log: {{format: json}}
health: {{enable: true, listen: "127.0.0.1:{health}"}}
docker:
  connection: {{host: "unix://{engine_socket()}"}}
  execution: {{containername: idle, {container}{network}}}
"""


@contextmanager
def ground(image: str, engine: str) -> Iterator[Ground]:
    """Make a place for servers; at its end no container of theirs is left."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sshore-idle-")))
        made = Ground(folder, image)
        if engine == "real":
            raw = RawEngine(engine_socket())
            stack.callback(raw.close)
            stack.callback(remove_all, raw, made.run)
        yield made


@contextmanager
def fake_programs(few: int, number: int) -> Iterator[tuple[Footprint, Footprint]]:
    """Run the fake engine's programs alone; yield what its process held with a few, and with so many more."""
    command = [sys.executable, "-m", "bench.idle.fake_programs"]
    with process(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as started:
        footprints = []
        for more in (few, number):
            assert started.stdin is not None
            assert started.stdout is not None
            started.stdin.write(f"{more}\n".encode())
            started.stdin.flush()
            started.stdout.readline()
            footprints.append(Footprint.of(started.pid))
        yield footprints[0], footprints[1]
