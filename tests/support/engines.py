"""Engines of every kind that a gateway may stand in front of, each as its `docker.connection` section says it.

`unix` is the tests' main engine; the others are started: a dockerd that listens on loopback TCP, one with mutual TLS
there, and podman; and those of other Debians that scripts/engines.sh fetched. The networks of those are in a namespace
of their own, from which nothing else is reached. `ssh` leads to the main engine again, through an sshd.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from docker import DockerClient

from .certificates import LOOPBACK, Authority
from .own_engine import OwnEngine
from .own_podman import OwnPodman
from .own_sshd import OwnSshd
from .source_tree import ROOT

KINDS = ("unix", "tcp", "tls", "podman", "docker-26", "docker-28", "podman-5")
BETWEEN = ("docker-26", "podman-5")
"""`make conformance` looks at them, `make test` does not: the one is neither the oldest nor the newest, the other has
ended in the middle of whole runs, for a reason not known."""
WHOLE = os.environ.get("SSHORE_CONFORMANCE") == "all"
"""Whether `make conformance` runs."""

_DOCKERS: dict[str, tuple[str, ...]] = {
    "docker-26": (),
    # What Docker 29 has by default.
    "docker-28": ("--feature=containerd-snapshotter=true",),
}
_COPY_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class EngineAtHand:
    """A running engine. `client` is docker-py on it, for a look at what a gateway did there."""

    kind: str
    connection: dict[str, str]
    """The section `docker.connection` of a gateway's configuration."""
    client: DockerClient
    _copy: Callable[[str], None]
    path: str = ""
    """The PATH that a gateway needs to reach it, if that matters."""
    _there: set[str] = field(default_factory=set)

    def bring(self, image: str) -> str:
        """Copy an image of the main engine to this one unless that was done; return its name."""
        if image not in self._there:
            self._copy(image)
            self._there.add(image)
        return image


def looked_at() -> tuple[str, ...]:
    """Return those of KINDS that this run looks at."""
    return tuple(kind for kind in KINDS if WHOLE or kind not in BETWEEN)


@contextlib.contextmanager
def engine_of_kind(kind: str, main_host: str) -> Iterator[EngineAtHand]:
    """Start an engine of one of KINDS, or `ssh`, without an image; `main_host` is the address of the main engine."""
    folder = Path(tempfile.mkdtemp(prefix="sshore-"))
    start = {"unix": _main, "tcp": _tcp, "tls": _tls, "podman": _podman, "podman-5": _podman_5, "ssh": _ssh}.get(kind)
    try:
        with start(folder, main_host) if start else _docker(kind, folder, main_host) as engine:
            yield engine
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _main(folder: Path, main_host: str) -> Iterator[EngineAtHand]:
    with _client(main_host) as client:
        yield EngineAtHand("unix", {"host": main_host}, client, lambda image: None)


@contextlib.contextmanager
def _tcp(folder: Path, main_host: str) -> Iterator[EngineAtHand]:
    with _dockerd_on_tcp(folder, main_host) as (address, client, copy):
        yield EngineAtHand("tcp", {"host": address}, client, copy)


@contextlib.contextmanager
def _tls(folder: Path, main_host: str) -> Iterator[EngineAtHand]:
    authority = Authority()
    ca = str(authority.write(folder))
    server, server_key = authority.issue().write(folder, "server")
    cert, key = authority.issue().write(folder, "client")
    arguments = ("--tlsverify", f"--tlscacert={ca}", f"--tlscert={server}", f"--tlskey={server_key}")
    with _dockerd_on_tcp(folder, main_host, *arguments) as (address, client, copy):
        section = {"host": address, "cacert": ca, "cert": str(cert), "key": str(key)}
        yield EngineAtHand("tls", section, client, copy)


@contextlib.contextmanager
def _docker(kind: str, folder: Path, main_host: str) -> Iterator[EngineAtHand]:
    own = OwnEngine(folder, arguments=_DOCKERS[kind], programs=_fetched(kind) / "bin")
    own.start()
    try:
        with _client(own.host) as client:
            yield EngineAtHand(kind, {"host": own.host}, client, lambda image: copy_image(image, main_host, own.host))
    finally:
        own.discard()


def _podman(folder: Path, main_host: str) -> contextlib.AbstractContextManager[EngineAtHand]:
    return _podman_of("podman", OwnPodman(folder), main_host)


def _podman_5(folder: Path, main_host: str) -> contextlib.AbstractContextManager[EngineAtHand]:
    return _podman_of("podman-5", OwnPodman(folder, _fetched("podman-5") / "root"), main_host)


@contextlib.contextmanager
def _podman_of(kind: str, podman: OwnPodman, main_host: str) -> Iterator[EngineAtHand]:
    podman.start()
    try:
        with _client(podman.host) as client:
            yield EngineAtHand(kind, {"host": podman.host}, client, lambda image: podman.bring(image, main_host))
    finally:
        podman.discard()


def _fetched(kind: str) -> Path:
    if os.environ.get("SSHORE_TESTS_OWN_ENGINES") == "1":
        pytest.skip(f"{kind} cannot be had here: scripts/test.sh has said why")
    folder = ROOT / ".state" / "engines" / kind
    assert (folder / ".complete").exists(), f"this test needs {kind}, run 'scripts/engines.sh {kind}'"
    return folder


@contextlib.contextmanager
def _ssh(folder: Path, main_host: str) -> Iterator[EngineAtHand]:
    sshd = OwnSshd(folder)
    sshd.start()
    try:
        with _client(main_host) as client:
            host = f"ssh://{sshd.user}@{LOOPBACK}:{sshd.port}{main_host.removeprefix('unix://')}"
            yield EngineAtHand("ssh", {"host": host}, client, lambda image: None, path=sshd.path)
    finally:
        sshd.stop()


@contextlib.contextmanager
def _dockerd_on_tcp(
    folder: Path, main_host: str, *arguments: str
) -> Iterator[tuple[str, DockerClient, Callable[[str], None]]]:
    """A dockerd on a port of loopback: its address there, a client on its unix socket, how images get there."""
    with socket.create_server((LOOPBACK, 0)) as listener:
        own = OwnEngine(folder, listener, arguments)
        own.start()
        try:
            with _client(own.host) as client:
                address = f"tcp://{LOOPBACK}:{listener.getsockname()[1]}"
                yield address, client, lambda image: copy_image(image, main_host, own.host)
        finally:
            own.discard()


@contextlib.contextmanager
def _client(host: str) -> Iterator[DockerClient]:
    client = DockerClient(base_url=host, version="auto", timeout=60)
    try:
        yield client
    finally:
        client.close()


def copy_image(image: str, source: str, target: str) -> None:
    """Copy an image from one Docker Engine to another."""
    command = ["bash", "-o", "pipefail", "-c", 'docker -H "$2" save "$1" | docker -H "$3" load', "bash"]
    subprocess.run([*command, image, source, target], check=True, stdout=subprocess.DEVNULL, timeout=_COPY_SECONDS)
