"""What a container reaches on its host and behind it, and that the commands of docs/security.md close it."""

from __future__ import annotations

import secrets
import shlex
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
from support.documents import page
from support.server import Server, Serving

pytestmark = [pytest.mark.engine, pytest.mark.timeout(180)]

INTERNAL = ("10.213.7.1", "10.213.7.2")
PUBLIC = ("203.0.113.1", "203.0.113.2")
"""Each the host's address and one behind the host; the second pair is RFC 5737's, as good as an Internet address."""


def run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def documented(interface: str, network: str) -> tuple[list[str], list[list[str]]]:
    """The command that makes the network, and those that filter, for another interface and network."""
    (block,) = page("docs/security.md").blocks("sh")
    first, *rules = (shlex.split(line) for line in block.splitlines())
    assert (first[0], first[-1]) == ("docker", "sshore")
    make = [word.replace("sshore0", interface) for word in first[:-1]] + [network]
    return make, [[interface if word == "sshore0" else word for word in rule] for rule in rules]


@contextmanager
def bridge() -> Iterator[tuple[str, list[list[str]]]]:
    """A network made as documented, and the rules for it."""
    name = f"sst{secrets.token_hex(4)}"
    make, rules = documented(name, name)
    run(*make)
    try:
        yield name, rules
    finally:
        run("docker", "network", "rm", name)


@contextmanager
def filtered(rules: list[list[str]]) -> Iterator[None]:
    """The rules, taken away again one by one."""
    with ExitStack() as undo:
        for rule in rules:
            run(rule[0], "--wait", *rule[1:])
            undo.callback(run, rule[0], "--wait", "-D", *rule[2:])
        yield


@contextmanager
def machine_behind(addresses: tuple[str, str], port: int) -> Iterator[None]:
    """Another machine: a network namespace behind a pair of interfaces, where something listens on `port`."""
    token = secrets.token_hex(3)
    inside, outside, namespace = f"ssi{token}", f"sso{token}", f"ssn{token}"
    run("ip", "netns", "add", namespace)
    try:
        run("ip", "link", "add", outside, "type", "veth", "peer", "name", inside, "netns", namespace)
        run("ip", "addr", "add", f"{addresses[0]}/24", "dev", outside)
        run("ip", "link", "set", outside, "up")
        run("ip", "-n", namespace, "addr", "add", f"{addresses[1]}/24", "dev", inside)
        run("ip", "-n", namespace, "link", "set", inside, "up")
        with listening_in(namespace, port):
            yield
    finally:
        run("ip", "netns", "del", namespace)


@contextmanager
def listening_in(namespace: str, port: int) -> Iterator[None]:
    code = (
        "import socket, sys; s = socket.create_server(('', int(sys.argv[1]))); print(flush=True)\n"
        "while True:\n  c, _ = s.accept(); c.sendall(b'behind'); c.close()"
    )
    command = ["ip", "netns", "exec", namespace, sys.executable, "-c", code, str(port)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        process.stdout.readline()
        yield
    finally:
        process.kill()
        process.communicate()


@contextmanager
def service_of_the_host() -> Iterator[int]:
    """Something that listens on all addresses of this machine; its port."""
    listener = socket.create_server(("", 0))

    def serve() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            with client:
                client.sendall(b"host")

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def reached(server: Server, address: str, port: int) -> str:
    return server.ssh(f"nc -w 3 {address} {port} </dev/null 2>/dev/null").stdout.decode()


@pytest.mark.parametrize("mode", ["connection"], indirect=True, scope="session")
def test_the_documented_rules_close_the_host_and_what_is_behind_it(
    mode: str, serving: Serving, mini_image: str
) -> None:
    with ExitStack() as stack:
        network, rules = stack.enter_context(bridge())
        port = stack.enter_context(service_of_the_host())
        for addresses in (INTERNAL, PUBLIC):
            stack.enter_context(machine_behind(addresses, 4711))
        execution = {"mode": mode, "container": {"Image": mini_image}, "host": {"NetworkMode": network}}
        server = stack.enter_context(serving(execution))
        gateway = server.ssh("ip route | sed -n 's/^default via \\([0-9.]*\\).*/\\1/p'").stdout.decode().strip()
        hosts = (gateway, INTERNAL[0], PUBLIC[0])
        assert [reached(server, address, port) for address in hosts] == ["host"] * 3
        assert [reached(server, each[1], 4711) for each in (INTERNAL, PUBLIC)] == ["behind"] * 2
        with filtered(rules):
            assert [reached(server, address, port) for address in hosts] == [""] * 3
            assert reached(server, INTERNAL[1], 4711) == ""
            assert reached(server, PUBLIC[1], 4711) == "behind"
        assert reached(server, gateway, port) == "host"
