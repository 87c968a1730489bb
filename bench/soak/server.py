"""The server of a soak, and what it holds."""

from __future__ import annotations

import secrets
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from bench.metrics import samples
from bench.processes import free_port, make_key
from bench.raw_engine import RawEngine
from bench.rig import RUN_LABEL, engine_socket, remove_all, sshore_server

from .wire import Wire, wire

USER = "soak"


@dataclass(frozen=True, slots=True)
class Sample:
    """What the server's process held at a moment; `seconds` since the beginning, `latency` in milliseconds."""

    seconds: float
    cycles: int
    rss: float
    """MiB of resident memory."""
    threads: int
    fds: int
    """Open files and sockets but the streams."""
    streams: int
    """Connections to the engine, those that wait for the next call among them."""
    actors: int
    containers: int
    """As the engine lists them."""
    connections: int
    latency: float | None = None
    """The median of the commands that ended since the sample before; None without one."""


@dataclass(slots=True)
class Server:
    """A running gateway, and its way to the engine. `sample` may be called from any thread, one at a time."""

    port: int
    key: Path
    pid: int
    log: Path
    run: str
    wire: Wire
    _engine: RawEngine
    _metrics: str
    _began: float = field(default_factory=time.monotonic)

    def sample(self, cycles: int, latency: float | None = None) -> Sample:
        """Look at it now."""
        process, values, streams = psutil.Process(self.pid), self._values(), self.wire.connections
        return Sample(
            seconds=time.monotonic() - self._began,
            cycles=cycles,
            rss=process.memory_info().rss / 2**20,
            threads=process.num_threads(),
            fds=process.num_fds() - streams,
            streams=streams,
            actors=values.get("sshore_actors_current", 0),
            containers=len(self._engine.containers(f"{RUN_LABEL}={self.run}")),
            connections=values.get("sshore_connections_current", 0),
            latency=latency,
        )

    def failures(self) -> list[str]:
        """Return the lines of its log that tell of a bug."""
        marks = ('"internal_error"', '"actor_failed"', "Traceback", "INTERNAL_ERROR")
        return [line for line in self.log.read_text().splitlines() if any(mark in line for mark in marks)]

    def troubles(self) -> list[str]:
        """Return the lines of its log that are warnings or worse."""
        return [line for line in self.log.read_text().splitlines() if '"level": "info"' not in line]

    def _values(self) -> dict[str, int]:
        totals: dict[str, int] = {}
        for sample in samples(self._metrics):
            totals[sample.name] = totals.get(sample.name, 0) + int(sample.value)
        return totals


@contextmanager
def soaked_server(image: str, mode: str) -> Iterator[Server]:
    """Start a gateway of its own; at the end stop it and remove every container of this run."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sshore-soak-")))
        engine = RawEngine(engine_socket())
        stack.callback(engine.close)
        run = secrets.token_hex(6)
        stack.callback(remove_all, engine, run)
        key, host_key = make_key(folder / "key"), make_key(folder / "host_key")
        (folder / "keys").mkdir()
        (folder / "keys" / USER).write_text(key.with_suffix(".pub").read_text())
        port, health, metrics = free_port(), free_port(), free_port()
        config, engine_path = folder / "sshore.yaml", folder / "engine.sock"
        way = stack.enter_context(wire(engine_path, engine_socket()))
        config.write_text(_configuration(port, health, metrics, host_key, engine_path, image, mode, run))
        pid = stack.enter_context(sshore_server(config, folder, health))
        yield Server(port, key, pid, folder / "sshore.log", run, way, engine, f"http://127.0.0.1:{metrics}/metrics")


def _configuration(
    port: int, health: int, metrics: int, host_key: Path, engine: Path, image: str, mode: str, run: str
) -> str:
    return f"""\
ssh: {{listen: "127.0.0.1:{port}", hostkeys: ["{host_key}"], drainTime: 0}}
auth: {{authorizedKeys: keys/%u}}
limits: {{maxStartups: 0}}
log: {{format: json}}
health: {{enable: true, listen: "127.0.0.1:{health}"}}
metrics: {{enable: true, listen: "127.0.0.1:{metrics}"}}
docker:
  connection: {{host: "unix://{engine}"}}
  execution: {{mode: {mode}, containername: soak, container: {{Image: "{image}", Labels: {{{RUN_LABEL}: "{run}"}}}}}}
"""
