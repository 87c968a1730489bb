"""The link to an engine with TLS is cut without a word: users hear of it, and are served when it is mended."""

from __future__ import annotations

import secrets
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from docker import DockerClient
from support.census import Census, LeavesNothing, warm_up
from support.certificates import Authority
from support.clients import Client, clients
from support.engines import copy_image
from support.gateway import Gateway, StartGateway
from support.own_engine import OwnEngine
from support.own_site import said

pytestmark = [pytest.mark.engine, pytest.mark.timeout(240)]

NOTICED_SECONDS = 45.0
"""Half a minute, as docs/operations.md says, and up to five seconds twice until it is looked at and told."""
PORT = 2376
MODES = ("connection", "session")
PROGRAMS = {
    "silent": "echo ready >&2; exec sleep 1000",
    "that says something": "echo ready >&2; exec yes",
    "that is sent something": "echo ready >&2; exec cat >/dev/null",
}


class Link:
    """A network namespace and the pair of devices that leads there; `address` is there."""

    def __init__(self) -> None:
        name = secrets.token_hex(3)
        self.space, here, self._there = f"sshore-{name}", f"sh{name}", f"st{name}"
        subnet = f"10.{secrets.randbelow(55) + 200}.{secrets.randbelow(256)}"
        self.address = f"{subnet}.2"
        _ip("netns", "add", self.space)
        _ip("link", "add", here, "type", "veth", "peer", "name", self._there, "netns", self.space)
        _ip("addr", "add", f"{subnet}.1/24", "dev", here)
        _ip("-n", self.space, "addr", "add", f"{self.address}/24", "dev", self._there)
        _ip("link", "set", here, "up")
        self.mend()

    def cut(self) -> None:
        """From now on nothing arrives, and nobody is told."""
        _ip("-n", self.space, "link", "set", self._there, "down")

    def mend(self) -> None:
        """Let everything through."""
        _ip("-n", self.space, "link", "set", self._there, "up")

    def remove(self) -> None:
        _ip("netns", "delete", self.space)


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True)


@dataclass(frozen=True)
class FarEngine:
    """An engine behind a link; `connection` is a gateway's section."""

    link: Link
    connection: dict[str, str]
    client: DockerClient


@pytest.fixture(scope="module")
def far_engine(mini_image: str, engine_host: str) -> Iterator[FarEngine]:
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="sshore-"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        link = Link()
        stack.callback(link.remove)
        authority = Authority()
        ca = str(authority.write(folder))
        server, server_key = authority.issue(link.address).write(folder, "server")
        cert, key = authority.issue().write(folder, "client")
        tls = ("--tlsverify", f"--tlscacert={ca}", f"--tlscert={server}", f"--tlskey={server_key}")
        address = f"tcp://{link.address}:{PORT}"
        own = OwnEngine(folder, arguments=[*tls, f"-H {address}"], namespace=link.space)
        own.start()
        stack.callback(own.discard)
        copy_image(mini_image, engine_host, own.host)
        client = DockerClient(base_url=own.host)
        stack.callback(client.close)
        section = {"host": address, "cacert": ca, "cert": str(cert), "key": str(key)}
        yield FarEngine(link, section, client)


def test_users_hear_within_half_a_minute_that_the_link_to_the_engine_is_cut(
    far_engine: FarEngine, start_gateway: StartGateway, leaving_nothing: LeavesNothing
) -> None:
    gateways: dict[str, tuple[Gateway, Census]] = {}
    for mode in MODES:
        gateway = start_gateway(
            mode, client=far_engine.client, host=far_engine.connection, timeouts={"http": "5s", "containerStop": "10s"}
        )
        gateways[mode] = gateway, warm_up(gateway)
    with ExitStack() as stack:
        users: dict[tuple[str, str], Client] = {}
        faults = {
            mode: stack.enter_context(leaving_nothing(f"link to the engine cut, {mode} mode", gateway, before, 60.0))
            for mode, (gateway, before) in gateways.items()
        }
        for mode, (gateway, _) in gateways.items():
            for kind, program in PROGRAMS.items():
                sends = kind.startswith("that is sent")
                [user] = stack.enter_context(running(gateway, program, sends))
                user.expect("ready")
                users[mode, kind] = user
        far_engine.link.cut()
        began = time.monotonic()
        for fault in faults.values():
            fault.begins()
        newcomers = {mode: stack.enter_context(clients(gateway, 1, "true")) for mode, (gateway, _) in gateways.items()}
        for mode, [newcomer] in newcomers.items():
            faults[mode].saw = f"a newcomer after {time.monotonic() - began:.0f} s: {said(newcomer, 60)}"
        for (mode, kind), user in users.items():
            assert user.wait(60) == 255
            assert b"sshore: " in user.output
            sentence = user.output.decode().rpartition("sshore: ")[2].strip()
            faults[mode].saw += f"; with a program {kind}: {sentence}"
        took = time.monotonic() - began
        for fault in faults.values():
            fault.saw += f"; all after {took:.0f} s at most"
        assert took < NOTICED_SECONDS, {mode: fault.saw for mode, fault in faults.items()}
        far_engine.link.mend()
        for gateway, _ in gateways.values():
            assert gateway.ssh("echo back").stdout == b"back\n"


@contextmanager
def running(gateway: Gateway, program: str, sends: bool) -> Iterator[list[Client]]:
    """A client whose output is thrown away, and who sends for ever if he is to."""
    argv = gateway.ssh_argv(program)
    if sends:
        argv = ["sh", "-c", 'yes | "$@"', "sh", *argv]
    client = Client(argv, stdin=not sends, stdout=False)
    try:
        yield [client]
    finally:
        client.close()
