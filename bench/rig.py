"""What is measured, set up and taken down: servers, each a process of its own, and the raw engine."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sshore.actors.specs import idle_container
from sshore.config.load import load_config

from . import openssh_server
from .flavours import Flavour
from .metrics import samples
from .processes import free_port, make_key, process
from .raw_engine import RawEngine
from .ssh_client import SshClient

_READY_SECONDS = 30.0
_SETTLED_SECONDS = 120.0
_PAUSE = 0.02
RUN_LABEL = "bench-run"
_FLAVOUR_LABEL = "bench-flavour"
_PIPES_AT = "/run/bench"


@dataclass(frozen=True, slots=True)
class Server:
    """One process that serves SSH. `flavour` and `metrics`, a URL, are sshore's; None of one without containers."""

    name: str
    pid: int
    port: int
    client: SshClient
    flavour: Flavour | None = None
    metrics: str | None = None

    def metric(self, name: str, **labels: str) -> float:
        """Return a figure of sshore's own, 0 if it was never touched."""
        assert self.metrics
        return sum(one.value for one in samples(self.metrics) if (one.name, one.labels) == (name, labels))


@dataclass(frozen=True, slots=True)
class Rig:
    """The subjects; `quick` is `bare` with sshore's quick acknowledgements, in the same process.

    `container` is the body of sshore's own create call, for containers made by hand. `pipes` is an empty folder.
    """

    engine: RawEngine
    sshore: list[Server]
    sshd: Server
    bare: Server
    quick: Server
    container: Mapping[str, Any]
    pipes: Path
    run: str
    key: Path

    @property
    def image(self) -> str:
        return str(self.container["Image"])

    @property
    def flavours(self) -> list[Flavour]:
        return [server.flavour for server in self.sshore if server.flavour]

    @property
    def without_containers(self) -> list[Server]:
        return [self.quick, self.sshd]

    @contextmanager
    def raw_container(self, engine: RawEngine | None = None) -> Iterator[str]:
        """Create, hold stdin of and start a container as connection mode does; yield its id, then remove it."""
        with _raw_container(engine or self.engine, self.container) as container:
            yield container

    @contextmanager
    def raw_container_with_pipes(self) -> Iterator[tuple[str, str]]:
        """The same with `pipes` mounted in it, read-only; yield its id and where they are."""
        host = {**self.container.get("HostConfig", {}), "Binds": [f"{self.pipes}:{_PIPES_AT}:ro"]}
        with _raw_container(self.engine, {**self.container, "HostConfig": host}) as container:
            yield container, _PIPES_AT

    def settle(self, server: Server, connections: int = 0) -> None:
        """Wait until a server has just its pool's containers and those of so many connections, and all run and wait.

        Anything else would disturb what comes.
        """
        flavour = server.flavour
        if flavour is None:
            return
        label = f"{_FLAVOUR_LABEL}={self.run}-{flavour.name}"
        running = ["running"] * (flavour.pool + connections)
        _await(lambda: list(self.engine.states(label).values()), running, f"containers of {server.name}")
        if flavour.primed:
            shells = 2.0 * (flavour.pool + connections)
            _await(lambda: server.metric("sshore_shells_waiting"), shells, f"shells that wait at {server.name}")
        if flavour.pool:
            _await(lambda: server.metric("sshore_pool_waiting"), float(flavour.pool), f"the pool of {server.name}")

    def settle_behind_login(self, server: Server) -> None:
        """The same; where there is a pool, nobody may have found it empty yet."""
        if server.flavour and server.flavour.pool and server.metric("sshore_pool_logins_total", result="miss"):
            raise RuntimeError(f"the pool of {server.name} was empty")
        self.settle(server)


@contextmanager
def rig(image: str, flavours: Sequence[Flavour]) -> Iterator[Rig]:
    """Start all servers, sshore's in these flavours; at the end stop them and remove every container of this run."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sshore-bench-")))
        engine = RawEngine(engine_socket())
        stack.callback(engine.close)
        run = secrets.token_hex(6)
        stack.callback(remove_all, engine, run)
        key, host_key = make_key(folder / "key"), make_key(folder / "host_key")
        keys, pipes = folder / "keys", folder / "pipes"
        keys.mkdir()
        pipes.mkdir(mode=0o755)
        authorized = keys / "bench"
        authorized.write_text(key.with_suffix(".pub").read_text())
        sshore = [stack.enter_context(_sshore(flavour, folder, host_key, image, run)) for flavour in flavours]
        sshd_pid, sshd_port = stack.enter_context(openssh_server.openssh_server(folder, host_key, authorized))
        sshd_client = SshClient(sshd_port, key, folder / "sshd.ctl", user=openssh_server.USER)
        bare_pid, *bare_ports = stack.enter_context(_bare(authorized, host_key))
        bare, quick = (
            Server(name, bare_pid, port, SshClient(port, key, folder / f"{port}.ctl"))
            for name, port in zip(("bare asyncssh, slow acks", "bare asyncssh"), bare_ports, strict=True)
        )
        container = idle_container(load_config(folder / f"{sshore[0].name}.yaml").docker.execution, "", {}).config
        container = {**container, "Labels": {RUN_LABEL: run}}
        yield Rig(
            engine,
            sshore,
            Server("sshd", sshd_pid, sshd_port, sshd_client),
            bare,
            quick,
            container,
            pipes,
            run,
            key,
        )


def engine_socket() -> str:
    """Return the path of the engine's socket."""
    host = os.environ.get("DOCKER_HOST") or "unix:///var/run/docker.sock"
    if not host.startswith("unix://"):
        raise SystemExit(f"the raw engine is measured on a unix socket, not on {host}")
    return host.removeprefix("unix://")


@contextmanager
def _sshore(flavour: Flavour, folder: Path, host_key: Path, image: str, run: str) -> Iterator[Server]:
    name = f"sshore, {flavour.name}"
    own = folder / f"sshore-{flavour.name}"
    own.mkdir()
    port, health, metrics, config = free_port(), free_port(), free_port(), folder / f"{name}.yaml"
    config.write_text(json.dumps(_configuration(flavour, port, health, metrics, host_key, image, run)))
    with sshore_server(config, own, health) as pid:
        client = SshClient(port, folder / "key", own / "ctl")
        yield Server(name, pid, port, client, flavour, f"http://127.0.0.1:{metrics}/metrics")


def _configuration(
    flavour: Flavour, port: int, health: int, metrics: int, host_key: Path, image: str, run: str
) -> Mapping[str, object]:
    labels = {RUN_LABEL: run, _FLAVOUR_LABEL: f"{run}-{flavour.name}"}
    execution = {"containername": "bench", "container": {"Image": image, "Labels": labels}, **flavour.execution}
    return {
        "ssh": {"listen": f"127.0.0.1:{port}", "hostkeys": [str(host_key)], "drainTime": 0},
        "auth": {"authorizedKeys": "keys/%u"},
        "limits": {"maxConnections": 0, "maxStartups": 0, "maxSessions": 0},
        "log": {"format": "json"},
        "health": {"enable": True, "listen": f"127.0.0.1:{health}"},
        "metrics": {"enable": True, "listen": f"127.0.0.1:{metrics}"},
        "docker": {"connection": {"host": f"unix://{engine_socket()}"}, "execution": execution},
    }


@contextmanager
def sshore_server(config: Path, folder: Path, health: int) -> Iterator[int]:
    """Serve; yield the process's id once it is ready. Its log is `sshore.log` in the folder."""
    command = [sys.executable, "-m", "sshore", "serve", "--config", str(config), "--state", str(folder / "state")]
    with (folder / "sshore.log").open("wb") as log, process(command, stdout=log, stderr=log) as started:
        deadline = time.monotonic() + _READY_SECONDS
        while not _is_ready(health):
            if started.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"the server did not start:\n{(folder / 'sshore.log').read_text()}")
            time.sleep(_PAUSE)
        yield started.pid


def _is_ready(health: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{health}/readyz", timeout=5):
            return True
    except OSError:
        return False


@contextmanager
def _bare(authorized: Path, host_key: Path) -> Iterator[list[int]]:
    command = [sys.executable, "-m", "bench.bare_server", str(authorized), str(host_key)]
    with process(command, stdout=subprocess.PIPE) as started:
        assert started.stdout is not None
        yield [started.pid, *map(int, started.stdout.readline().split())]


@contextmanager
def _raw_container(engine: RawEngine, config: Mapping[str, Any]) -> Iterator[str]:
    container = engine.create(f"bench-{secrets.token_hex(6)}", config)
    try:
        with engine.attach(container):
            engine.start(container)
            yield container
    finally:
        engine.remove(container)
        _await(lambda: engine.has(container), False, f"{container} at the engine")


def _await(look: Callable[[], object], expected: object, what: str) -> None:
    deadline = time.monotonic() + _SETTLED_SECONDS
    while (seen := look()) != expected:
        if time.monotonic() > deadline:
            raise RuntimeError(f"{what}: {seen}, not {expected}")
        time.sleep(_PAUSE)  # nobody tells of it by himself


def remove_all(engine: RawEngine, run: str) -> None:
    """Remove every container of a run."""
    for container in engine.containers(f"{RUN_LABEL}={run}"):
        engine.remove(container)
