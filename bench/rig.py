"""What is measured, set up and taken down: two servers, each a process of its own, and the raw engine."""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sshore.actors.specs import idle_container
from sshore.config.load import load_config

from .raw_engine import RawEngine
from .ssh_client import SshClient

_READY_SECONDS = 30.0
_GONE_SECONDS = 30.0
_STOP_SECONDS = 60.0
_PAUSE = 0.01
RUN_LABEL = "bench-run"


@dataclass(frozen=True, slots=True)
class Rig:
    """The subjects; `quick_bare` is `bare` with sshore's quick acknowledgements.

    `container` is the body of sshore's own create call, for containers made by hand.
    """

    engine: RawEngine
    sshore: SshClient
    bare: SshClient
    quick_bare: SshClient
    container: Mapping[str, Any]
    run: str

    @contextmanager
    def raw_container(self) -> Iterator[str]:
        """Create, hold stdin of and start a container as connection mode does; yield its id, then remove it."""
        container = self.engine.create(f"bench-{secrets.token_hex(6)}", self.container)
        try:
            with self.engine.attach(container):
                self.engine.start(container)
                yield container
        finally:
            self.engine.remove(container)
            self.wait_for_no_container()

    def wait_for_no_container(self) -> None:
        """Wait until the engine has removed every container of this run: removals would disturb what comes next."""
        deadline = time.monotonic() + _GONE_SECONDS
        while left := self.engine.containers(f"{RUN_LABEL}={self.run}"):
            if time.monotonic() > deadline:
                raise RuntimeError(f"containers are left: {left}")
            time.sleep(_PAUSE)


@contextmanager
def rig(image: str) -> Iterator[Rig]:
    """Start both servers; at the end stop them and remove every container of this run."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sshore-bench-")))
        engine = RawEngine(engine_socket())
        stack.callback(engine.close)
        run = secrets.token_hex(6)
        stack.callback(remove_all, engine, run)
        key, host_key = make_key(folder / "key"), make_key(folder / "host_key")
        keys = folder / "keys"
        keys.mkdir()
        (keys / "bench").write_text(key.with_suffix(".pub").read_text())
        port, health, config = free_port(), free_port(), folder / "sshore.yaml"
        config.write_text(_configuration(port, health, host_key, image, run))
        stack.enter_context(sshore_server(config, folder, health))
        bare_ports = stack.enter_context(_bare(keys / "bench", host_key))
        sshore = SshClient(port, key, folder / "sshore.ctl")
        bare, quick_bare = (SshClient(port, key, folder / f"{port}.ctl") for port in bare_ports)
        stack.callback(bare.close)
        stack.callback(sshore.close)
        container = idle_container(load_config(config).docker.execution, "", {}).config
        yield Rig(engine, sshore, bare, quick_bare, container, run)


def engine_socket() -> str:
    """Return the path of the engine's socket."""
    host = os.environ.get("DOCKER_HOST") or "unix:///var/run/docker.sock"
    if not host.startswith("unix://"):
        raise SystemExit(f"the raw engine is measured on a unix socket, not on {host}")
    return host.removeprefix("unix://")


def _configuration(port: int, health: int, host_key: Path, image: str, run: str) -> str:
    return f"""\
ssh: {{listen: "127.0.0.1:{port}", hostkeys: ["{host_key}"], drainTime: 0}}
auth: {{authorizedKeys: keys/%u}}
log: {{format: json}}
health: {{enable: true, listen: "127.0.0.1:{health}"}}
docker:
  connection: {{host: "unix://{engine_socket()}"}}
  execution: {{containername: bench, container: {{Image: "{image}", Labels: {{{RUN_LABEL}: "{run}"}}}}}}
"""


def make_key(path: Path) -> Path:
    """Make a key pair without a passphrase."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)
    return path


def free_port() -> int:
    """Return a port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


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
        yield [int(port) for port in started.stdout.readline().split()]


@contextmanager
def process(command: list[str], **options: Any) -> Iterator[subprocess.Popen[bytes]]:
    """Run a process, without stdin unless the options say otherwise; end it at the end."""
    started = subprocess.Popen(command, **{"stdin": subprocess.DEVNULL, **options})
    try:
        yield started
    finally:
        started.terminate()
        try:
            started.wait(_STOP_SECONDS)
        finally:
            started.kill()
            started.wait()


def remove_all(engine: RawEngine, run: str) -> None:
    """Remove every container of a run."""
    for container in engine.containers(f"{RUN_LABEL}={run}"):
        engine.remove(container)
