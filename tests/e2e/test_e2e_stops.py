"""Ctrl-Z and the other signals that stop, in session mode: under sshd no program of a session is stopped by them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from docker import DockerClient
from support.beside_sshd import Came, Run, outcomes, run_client
from support.images import BUSYBOX, shell_less_image
from support.server import Server, Serving
from support.terminal import Terminal

pytestmark = [pytest.mark.engine, pytest.mark.timeout(120)]

SUSPEND = "\x1a"
ECHOES = 'echo up; while read -r line; do echo "got $line"; [ "$line" != end ] || exit 7; done'


@pytest.fixture(scope="module")
def server(serving: Serving, guest_image: str) -> Iterator[Server]:
    """A server whose shells are the image's own CMD, as README's python."""
    container = {"Image": guest_image, "Cmd": ["bash", "-c", ECHOES]}
    with serving({"mode": "session", "container": container}) as started:
        yield started


def goes_on(terminal: Terminal) -> None:
    """See that what reads lines goes on behind a Ctrl-Z, each time, and ends when it is told to."""
    terminal.expect("up\r\n")
    for word in ("one", "two"):
        terminal.type(SUSPEND)
        terminal.expect("^Z")
        terminal.type(f"{word}\r")
        terminal.expect(f"got {word}\r\n")
    terminal.type(f"{SUSPEND}end\r")
    assert terminal.wait() == 7


@pytest.mark.parametrize("command", [(), (ECHOES,), (f"sh -c {ECHOES!r}; exit $?",)], ids=["CMD", "command", "child"])
def test_ctrl_z_stops_no_program(server: Server, command: tuple[str, ...]) -> None:
    with Terminal(server.ssh_argv(*command, options=["-tt", "-q"])) as terminal:
        goes_on(terminal)


def test_ctrl_z_stops_no_program_of_an_image_without_a_shell(
    serving: Serving, docker_client: DockerClient, mini_image: str
) -> None:
    with shell_less_image(docker_client, mini_image) as image:
        container = {"Image": image, "Cmd": [BUSYBOX, "ash", "-c", ECHOES]}
        with (
            serving({"mode": "session", "container": container}) as server,
            Terminal(server.ssh_argv(options=["-tt", "-q"])) as terminal,
        ):
            goes_on(terminal)


def test_ctrl_c_behind_a_ctrl_z_ends_it(server: Server) -> None:
    with Terminal(server.ssh_argv(options=["-tt", "-q"])) as terminal:
        terminal.expect("up\r\n")
        terminal.type(SUSPEND)
        terminal.expect("^Z")
        terminal.type("\x03")
        assert terminal.wait() == 128 + 2


def test_who_stops_itself_goes_on(server: Server) -> None:
    runs = [
        Run("kill -TSTP $$; echo on; exit 7"),
        Run("sh -c 'kill -TTIN $$; echo on'; exit 7"),
        Run("kill -TTOU 0; echo on; exit 7"),
        Run("kill -TSTP $$; echo on; exit 7 #", options=("-tt",)),
    ]

    def client(run: Run) -> Came:
        return run_client(server.ssh_argv(run.command, options=["-q", *run.options]), run.stdin)

    came = outcomes(client, runs)
    assert {(one.status, one.stdout.replace(b"\r", b"")) for one in came.values()} == {(7, b"on\n")}


def test_who_was_stopped_by_sigstop_stays_so(server: Server) -> None:
    # As under sshd: its child continues it, long after the program itself would have been.
    stops = "(sleep 4; kill -CONT $$) & date +%s; kill -STOP $$; date +%s"
    before, after = server.ssh(stops, options=["-q"]).stdout.split()
    assert int(after) - int(before) >= 3


def test_a_shell_stops_its_jobs_as_ever(server: Server) -> None:
    with Terminal(server.ssh_argv("PS1='$ ' exec bash --norc -i", options=["-tt", "-q"])) as terminal:
        terminal.expect("$ ")
        # Not before the job runs: the shell itself is not stopped by it.
        terminal.type("(echo it runs; exec sleep 500)\r")
        terminal.expect("\rit runs\r\n")
        terminal.type(SUSPEND)
        terminal.expect("Stopped")
        terminal.expect("$ ")
        # Longer than it takes to look whether the program itself is stopped.
        terminal.type("sleep 2.5; jobs\r")
        terminal.expect("Stopped")
        terminal.expect("$ ")
        terminal.type("fg\r")
        terminal.expect("sleep 500 )\r\n")
        terminal.type("\x03")
        terminal.expect("$ ")
        terminal.type("exit 8\r")
        assert terminal.wait() == 8
