"""What a program finds: its variables, its folder, its shell."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from docker import DockerClient
from support.images import FEDORA_LIKE, built_image
from support.server import Server, Serving
from support.terminal import Terminal

pytestmark = pytest.mark.engine

TELL_WHO = 'echo "$HOME|$USER|$LOGNAME|$SHELL|$(pwd)|$(id -u):$(id -g)"'
# A folder of its own for the user that no passwd file knows, a user without a shell, and one whose shell is none.
PEOPLE = r"""
RUN printf '%s\n' daemon:x:2:2::/var/empty:/sbin/nologin poet:x:3:3::/home/sshore:/bin/tail >>/etc/passwd
RUN printf 'echo profile\n' >/home/sshore/.profile && mkdir /home/sshore/.ssh /root/.ssh && \
    echo FROM_FILE=x | tee /home/sshore/.ssh/environment >/root/.ssh/environment
"""


def variables(output: bytes) -> dict[str, str]:
    """Parse what `env` says."""
    return dict(line.split("=", 1) for line in output.decode().splitlines())


@pytest.fixture(scope="module")
def people(docker_client: DockerClient, mini_image: str) -> Iterator[str]:
    with built_image(docker_client, mini_image, PEOPLE) as name:
        yield name


def test_a_command_has_the_login_environment_and_no_more(server: Server) -> None:
    found = variables(server.ssh("env", options=["-o", "SetEnv=LANG=de_DE.UTF-8 LC_TIME=C"]).stdout)

    assert found.pop("SSH_CLIENT").startswith("127.0.0.1 ")
    assert found.pop("SSH_CONNECTION").endswith(f" 127.0.0.1 {server.port}")
    assert found.pop("PATH").split(":")[-1] == "/bin"
    assert re.fullmatch("[0-9a-f]{12}", found.pop("HOSTNAME"))
    shells_own = {"PWD", "OLDPWD", "SHLVL", "_"}
    assert {name: value for name, value in found.items() if name not in shells_own} == {
        "HOME": "/root",
        "USER": "root",
        "LOGNAME": "root",
        "SHELL": "/bin/bash",
        "LANG": "de_DE.UTF-8",
        "LC_TIME": "C",
    }


def test_a_terminal_adds_its_type_and_its_name(server: Server) -> None:
    with Terminal(server.ssh_argv('echo "$TERM:$SSH_TTY:$(tty)"', options=["-tt"]), term="vt220") as terminal:
        terminal.expect("vt220:/dev/pts/0:/dev/pts/0\r\n")


def test_the_users_own_variables_are_not_the_clients(server: Server) -> None:
    sent = "HOME=/tmp USER=eve LOGNAME=eve SHELL=/bin/false PATH=/tmp SSH_TTY=/dev/x SSH_CLIENT=x SSH_CONNECTION=x"
    sent_and_more = server.ssh(
        'echo "$HOME $USER $LOGNAME $SHELL $SSH_TTY. $SSH_CLIENT $SSH_CONNECTION $PATH"; cat /dev/null',
        options=["-o", f"SetEnv={sent}"],
    )

    words = sent_and_more.stdout.decode().split()
    assert words[:5] == ["/root", "root", "root", "/bin/bash", "."]
    assert words[5] == "127.0.0.1"
    assert words[-1].endswith(":/bin")
    assert sent_and_more.stderr == b""


def test_the_operators_variables_are_the_last_word(mode: str, serving: Serving, guest_image: str) -> None:
    env = ["HOME=/srv", "USER=site", "SHELL=/bin/dash", "PATH=/usr/bin", "LANG=C", "TERM=dumb", "SSH_CLIENT=hidden"]
    with serving({"mode": mode, "container": {"Image": guest_image, "Env": env}}) as server:
        command = 'echo "$HOME|$USER|$LOGNAME|$SHELL|$PATH|$LANG|$TERM|$SSH_CLIENT|$(pwd)"'
        done = server.ssh(command, options=["-tt", "-o", "SetEnv=LANG=de_DE.UTF-8 SHELL=/bin/false"])

    assert done.stdout == b"/srv|site|root|/bin/dash|/usr/bin|C|dumb|hidden|/srv\r\n"


@pytest.mark.parametrize(
    ("user", "who"),
    [
        ("1000", "/home/sshore|sshore|sshore|/bin/sh|/home/sshore|1000:1000"),
        ("sshore", "/home/sshore|sshore|sshore|/bin/sh|/home/sshore|1000:1000"),
        ("sshore:root", "/home/sshore|sshore|sshore|/bin/sh|/home/sshore|1000:0"),
        ("1000:50", "/home/sshore|sshore|sshore|/bin/sh|/home/sshore|1000:50"),
        ("4242:4343", "/|||/bin/sh|/|4242:4343"),
        ("daemon", "/var/empty|daemon|daemon|/bin/sh|/|2:2"),
    ],
)
def test_a_user_may_be_given_in_every_way_of_dockers(serving: Serving, people: str, user: str, who: str) -> None:
    with serving({"container": {"Image": people, "User": user}}) as server:
        done = server.ssh(TELL_WHO)

    assert (done.stdout.decode(), done.stderr) == (f"{who}\n", b"")


@pytest.mark.parametrize(
    ("instructions", "container", "folder"),
    [
        ("", {}, "/root"),
        ("WORKDIR /", {}, "/root"),
        ("WORKDIR /var", {}, "/var"),
        ("WORKDIR /var", {"WorkingDir": "/tmp"}, "/tmp"),
        ("", {"WorkingDir": "/"}, "/"),
        ("ENV HOME=/nowhere", {}, "/"),
    ],
    ids=["none", "root", "the image's", "the operator's", "the operator's root", "no home"],
)
def test_the_working_directory(
    serving: Serving,
    docker_client: DockerClient,
    mini_image: str,
    instructions: str,
    container: dict[str, Any],
    folder: str,
) -> None:
    with (
        built_image(docker_client, mini_image, instructions) as image,
        serving({"container": {"Image": image} | container}) as server,
    ):
        assert server.ssh("pwd").stdout.decode() == f"{folder}\n"


@pytest.fixture(scope="module")
def poets(mode: str, serving: Serving, people: str) -> Iterator[Server]:
    with serving({"mode": mode, "container": {"Image": people, "User": "sshore"}}) as started:
        yield started


def test_the_users_environment_file_is_not_read(poets: Server) -> None:
    assert poets.ssh('echo "[$FROM_FILE]"').stdout == b"[]\n"


def test_a_command_has_no_login_shell(poets: Server) -> None:
    assert poets.ssh("echo on").stdout == b"on\n"


@pytest.mark.parametrize("mode", ["connection"], indirect=True, scope="session")
def test_a_shell_is_a_login_shell(poets: Server) -> None:
    assert poets.ssh(options=["-T"], stdin=b"echo on\n").stdout == b"profile\non\n"


def test_a_shell_on_a_terminal_knows_whose_it_is(poets: Server) -> None:
    with Terminal(poets.ssh_argv(options=["-tt"])) as terminal:
        terminal.type('echo "$USER $LOGNAME $HOME $SSH_TTY $TERM" $((6*7))\r')
        terminal.expect("sshore sshore /home/sshore /dev/pts/0 xterm 42\r\n")


@pytest.mark.parametrize("mode", ["connection"], indirect=True, scope="session")
def test_what_is_no_shell_we_know_is_started_as_it_is(mode: str, serving: Serving, people: str) -> None:
    with serving({"mode": mode, "container": {"Image": people, "User": "poet"}}) as server:
        done = server.ssh(options=["-T"], stdin=b"a line\n")
    assert (done.stdout, done.stderr, done.returncode) == (b"a line\n", b"", 0)


def test_a_locale_that_the_image_lacks_hinders_nobody(
    mode: str, serving: Serving, docker_client: DockerClient, guest_image: str
) -> None:
    """bash as `/bin/sh` warns of it before it runs anything."""
    with (
        built_image(docker_client, guest_image, FEDORA_LIKE) as image,
        serving({"mode": mode, "container": {"Image": image}}) as server,
    ):
        sent = ["-o", "SetEnv=LC_ALL=xx_XX.UTF-8"]
        without = server.ssh('echo "$LC_ALL"; exit 3', options=sent)
        on_a_terminal = server.ssh('echo "$LC_ALL"; exit 3', options=["-tt", *sent])

    assert (without.stdout, without.returncode) == (b"xx_XX.UTF-8\n", 3)
    assert on_a_terminal.stdout.endswith(b"xx_XX.UTF-8\r\n")
    assert on_a_terminal.returncode == 3
