"""Images and containers of every kind: a command, a shell, a terminal, a copy and a signal in each of them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from docker import DockerClient
from support.images import BUSYBOX, ENTRYPOINT, FEDORA_LIKE, built_image, shell_less_image
from support.server import EVENT_SECONDS, Server, Serving
from support.terminal import Terminal

pytestmark = pytest.mark.engine


@dataclass(frozen=True)
class Kind:
    """An image that is `base` with these instructions, and what else the operator configures.

    `user` and `folder` are whose and where its programs are; `writable` is a folder for a copy.
    """

    base: str = "mini"
    instructions: str = ""
    execution: dict[str, Any] = field(default_factory=dict)
    user: str = "root"
    folder: str = "/root"
    writable: str = "/tmp"


KINDS = {
    "busybox": Kind(),
    "fedora-like": Kind("guest", FEDORA_LIKE),
    "user-1000": Kind(instructions="USER 1000\n", user="sshore", folder="/home/sshore", writable="/home/sshore"),
    "read-only": Kind("guest", execution={"host": {"ReadonlyRootfs": True}}, writable="/dev/shm"),
    "network-none": Kind(execution={"host": {"NetworkMode": "none"}}),
    "entrypoint": Kind(instructions=ENTRYPOINT),
}


@pytest.fixture(scope="module", params=KINDS)
def kind(request: pytest.FixtureRequest) -> Kind:
    return KINDS[request.param]


@pytest.fixture(scope="module")
def image(kind: Kind, docker_client: DockerClient, guest_image: str, mini_image: str) -> Iterator[str]:
    base = {"guest": guest_image, "mini": mini_image}[kind.base]
    if not kind.instructions:
        yield base
        return
    with built_image(docker_client, base, kind.instructions) as name:
        yield name


@pytest.fixture(scope="module")
def server(mode: str, kind: Kind, image: str, serving: Serving) -> Iterator[Server]:
    with serving({"mode": mode, "container": {"Image": image}} | kind.execution) as started:
        yield started


def test_a_command(server: Server, kind: Kind) -> None:
    done = server.ssh('echo "$USER"; pwd; cat; echo err >&2; exit 7', stdin=b"in\n")

    assert done.stdout.decode().splitlines() == [kind.user, kind.folder, "in"]
    assert (done.stderr, done.returncode) == (b"err\n", 7)


def test_a_shell_on_a_terminal(server: Server) -> None:
    with Terminal(server.ssh_argv(options=["-tt"]), columns=101, rows=33) as terminal:
        terminal.type("PS1='rea''dy> '\r")
        terminal.expect("ready> ")
        # Ctrl-C between two commands of a list is lost on some shells: what is interrupted has to run.
        terminal.type("stty size; sh -c 'echo up $((6*7)); exec sleep 600'\r")
        terminal.expect("33 101\r\nup 42\r\n")
        terminal.type("\x03")
        terminal.expect("ready> ")
        terminal.type("exit 6\r")
        assert terminal.wait() == 6


def test_a_copy_there_and_back(server: Server, kind: Kind, local: Path) -> None:
    batch = f"put {local}/data {kind.writable}/copy\nget {kind.writable}/copy {local}/back\n".encode()
    done = server.run(["sftp", *server.ssh_options, "-b", "-", "sshore"], stdin=batch)

    assert done.returncode == 0, done.stderr
    assert (local / "back").read_bytes() == (local / "data").read_bytes()


async def test_a_signal(server: Server) -> None:
    async with server.connect() as connection:
        process = await connection.create_process('trap "exit 5" USR1; echo ready; while :; do sleep 0.05; done')
        assert await process.stdout.readline() == "ready\n"
        process.send_signal("USR1")
        assert (await asyncio.wait_for(process.wait(), EVENT_SECONDS)).exit_status == 5


@pytest.fixture(scope="module")
def entering(mode: str, docker_client: DockerClient, mini_image: str, serving: Serving) -> Iterator[Server]:
    with (
        built_image(docker_client, mini_image, ENTRYPOINT) as image,
        serving({"mode": mode, "container": {"Image": image}}) as started,
    ):
        yield started


def test_the_entrypoint_is_the_programs_in_session_mode_only(entering: Server, mode: str) -> None:
    assert entering.ssh('echo "$ENTERED"').stdout == (b"yes\n" if mode == "session" else b"\n")


def test_a_read_only_root_is_one(mode: str, serving: Serving, mini_image: str) -> None:
    execution = {"mode": mode, "container": {"Image": mini_image}, "host": {"ReadonlyRootfs": True}}
    with serving(execution) as server:
        done = server.ssh("echo x >/root/file; echo on")
    assert done.stdout == b"on\n"
    assert b"Read-only file system" in done.stderr


def test_a_container_without_a_network_has_none(mode: str, serving: Serving, mini_image: str) -> None:
    execution = {"mode": mode, "container": {"Image": mini_image}, "host": {"NetworkMode": "none"}}
    with serving(execution) as server:
        assert server.ssh("ls /sys/class/net").stdout == b"lo\n"


# One static binary `FROM scratch`, in session mode: the image's CMD is the program, and nothing stands before it.


@pytest.fixture(scope="module")
def scratch(docker_client: DockerClient, mini_image: str) -> Iterator[str]:
    with shell_less_image(docker_client, mini_image) as name:
        yield name


def only(scratch: str, *command: str) -> dict[str, Any]:
    return {"mode": "session", "container": {"Image": scratch, "Cmd": [BUSYBOX, *command]}}


def test_a_single_program_has_output_and_a_status(serving: Serving, scratch: str) -> None:
    with serving(only(scratch, "ash", "-c", "cat; echo err >&2; exit 7")) as server:
        done = server.ssh(options=["-T"], stdin=b"in\n")
    assert (done.returncode, done.stdout, done.stderr) == (7, b"in\n", b"err\n")


def test_a_single_program_has_a_terminal(serving: Serving, scratch: str) -> None:
    loop = "until [ \"$(/busybox stty size)\" = '33 101' ]; do :; done; echo sized; read line; exit 4"
    with (
        serving(only(scratch, "ash", "-c", loop)) as server,
        Terminal(server.ssh_argv(options=["-tt"]), columns=101, rows=33) as terminal,
    ):
        terminal.expect("sized\r\n")
        terminal.type("\r")
        assert terminal.wait() == 4
