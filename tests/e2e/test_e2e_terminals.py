"""Sessions with a terminal, through the real client on a terminal of its own."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

import asyncssh
import pytest
from support.server import Server
from support.terminal import Terminal

pytestmark = pytest.mark.engine

# Typed text is echoed, so what is waited for must not appear in it: hence the arithmetic in the commands.


@pytest.fixture
def shell(server: Server) -> Iterator[Terminal]:
    """An interactive shell with the prompt `ready> `."""
    with Terminal(server.ssh_argv(options=["-tt"]), columns=101, rows=33) as terminal:
        terminal.type("PS1='rea''dy> '\r")
        terminal.expect("ready> ")
        yield terminal


def test_the_terminal_has_the_clients_size_and_follows_it(shell: Terminal) -> None:
    shell.type('echo "$(tput cols)x$(tput lines)" $((6*7))\r')
    assert b"101x33 " in shell.expect("42")
    shell.expect("ready> ")

    shell.resize(77, 19)
    shell.type('until [ $(tput cols) = 77 ]; do :; done; echo "$(tput cols)x$(tput lines)" $((6*8))\r')
    assert b"77x19 " in shell.expect("48")


def test_the_size_is_right_before_the_first_instruction(server: Server) -> None:
    with Terminal(server.ssh_argv("stty size", options=["-tt"]), columns=133, rows=41) as terminal:
        terminal.expect("41 133")
        assert terminal.wait() == 0


@pytest.mark.parametrize(("columns", "rows"), [(1, 1), (0, 0), (0, 30), (500, 200)])
def test_a_terminal_of_any_size_does_no_harm(server: Server, columns: int, rows: int) -> None:
    with Terminal(server.ssh_argv("stty size; echo on", options=["-tt"]), columns=columns, rows=rows) as terminal:
        terminal.expect(f"{rows} {columns}\r\non\r\n")
        assert terminal.wait() == 0


def test_a_terminal_shrinks_to_nothing_and_grows_again(shell: Terminal) -> None:
    for columns, rows in ((1, 1), (0, 0), (70, 20)):
        shell.resize(columns, rows)
    shell.type("until [ \"$(stty size)\" = '20 70' ]; do :; done; echo back $((6*7))\r")
    shell.expect("back 42")


def test_a_storm_of_new_sizes_ends_with_the_last(shell: Terminal) -> None:
    for columns in range(20, 220):
        shell.resize(columns, 40)
    shell.type("until [ \"$(stty size)\" = '40 219' ]; do :; done; echo settled $((6*7))\r")
    shell.expect("settled 42")


def test_the_terminal_modes_are_the_clients(server: Server) -> None:
    modes = "erase ^H intr ^G -iutf8 -echoe tostop -ixon 9600"
    wanted = ("erase = ^H;", "intr = ^G;", "-iutf8", "-echoe", " tostop", "-ixon", "speed 9600 baud")
    client = shlex.join(server.ssh_argv("stty -a", options=["-tt"]))
    with Terminal(["sh", "-c", f"stty {modes}; {client}; echo en''d"]) as terminal:
        told = terminal.expect("end").decode()

    assert [setting for setting in wanted if setting not in told] == []


NO_ECHO = {"term_type": "vt100", "term_modes": {asyncssh.PTY_ECHO: 0, asyncssh.PTY_ONLCR: 0}}


async def test_a_client_that_wants_no_echo_gets_none(server: Server) -> None:
    async with server.connect() as connection:
        process = await connection.create_process("echo go; read line; echo got $line", **NO_ECHO)
        assert await process.stdout.readline() == "go\n"
        assert (await process.communicate("secret\n"))[0] == "got secret\n"


@pytest.mark.parametrize("mode", ["connection"], indirect=True, scope="session")
async def test_what_is_typed_before_the_program_starts_is_not_echoed_either(server: Server) -> None:
    async with server.connect() as connection:
        process = await connection.create_process("read line; echo got $line", **NO_ECHO)
        assert (await process.communicate("secret\n"))[0] == "got secret\n"


async def test_modes_that_nobody_knows_hinder_nobody(server: Server) -> None:
    modes = dict.fromkeys(range(1, 160), 2**32 - 1) | {asyncssh.PTY_OP_OSPEED: 12345, asyncssh.PTY_VERASE: 8}
    async with server.connect() as connection:
        process = await connection.create_process("stty -a", term_type="vt100", term_size=(77, 22), term_modes=modes)
        done = await process.wait()

    # OLCUC was among them.
    assert "ROWS 22; COLUMNS 77" in done.stdout
    assert "ERASE = ^H;" in done.stdout
    assert done.exit_status == 0


def test_a_program_hears_of_a_new_size(server: Server) -> None:
    command = 'trap "stty size; exit 3" WINCH; echo ready; while :; do sleep 0.05; done'
    with Terminal(server.ssh_argv(command, options=["-tt"])) as terminal:
        terminal.expect("ready")
        terminal.resize(90, 30)
        terminal.expect("30 90")
        assert terminal.wait() == 3


def test_ctrl_c_interrupts_the_program_and_not_the_shell(shell: Terminal) -> None:
    # Ctrl-C between two commands of a list is lost on some shells: what is interrupted has to run.
    shell.type("sh -c 'echo begun $((6*7)); exec sleep 600'\r")
    shell.expect("begun 42")
    shell.type("\x03")
    shell.expect("ready> ")
    shell.type("echo status $?\r")
    shell.expect("status 130")


def test_ctrl_c_ends_a_command_on_a_terminal(server: Server) -> None:
    with Terminal(server.ssh_argv("echo begun; sleep 600", options=["-tt"])) as terminal:
        terminal.expect("begun")
        terminal.type("\x03")
        assert terminal.wait() == 130


def test_ctrl_z_stops_a_job_and_gives_the_shell_back(shell: Terminal) -> None:
    shell.type("echo up $((6*7)); cat\r")
    shell.expect("up 42\r\n")
    shell.type("one\r")
    shell.expect("one\r\none\r\n")
    shell.type("\x1a")
    shell.expect("Stopped")
    shell.type("jobs; kill %1; echo back $((6*7))\r")
    shell.expect("back 42")


def test_ctrl_d_logs_out(shell: Terminal) -> None:
    shell.type("(exit 6)\r")
    shell.expect("ready> ")
    shell.type("\x04")
    assert shell.wait() == 6


def test_vi_draws_edits_and_saves(shell: Terminal) -> None:
    shell.type("vi /tmp/poem\r")
    shell.expect('"/tmp/poem" [New')
    shell.expect("\x1b[2;1H")
    shell.expect("\x1b[32;1H~")
    shell.type("iroses are red\x1b:wq\r")
    shell.expect("written")
    shell.expect("ready> ")
    shell.type("wc -w </tmp/poem; head -c 5 /tmp/poem; echo\r")
    shell.expect("\r3\r\nroses\r\n")


def test_less_draws_a_page_and_turns_it(shell: Terminal) -> None:
    shell.type("seq 1000 >/tmp/numbers; less /tmp/numbers\r")
    page = shell.expect("\x1b[K")
    assert b"\r\n32\r\n" in page
    assert b"\r\n33\r\n" not in page
    shell.type(" ")
    shell.expect("\r\n64\r\n")
    shell.type("q")
    shell.expect("ready> ")


def test_a_terminal_is_a_terminal_to_programs(server: Server) -> None:
    command = 'tty; echo "$SSH_TTY"; echo "$TERM"; [ -t 0 ] && [ -t 1 ] && [ -t 2 ] && echo all three'
    done = server.ssh(command, options=["-tt"])
    tty, ssh_tty, term, all_three = done.stdout.decode().split("\r\n")[:4]

    assert tty == ssh_tty
    assert tty.startswith("/dev/")
    assert term
    assert all_three == "all three"


def test_the_terminals_type_is_the_clients(server: Server) -> None:
    with Terminal(server.ssh_argv("echo $TERM $COLORTERM.; tput colors", options=["-tt"]), term="xterm-256color") as it:
        it.expect("xterm-256color .\r\n256\r\n")


def test_the_status_of_a_command_on_a_terminal_is_the_programs(server: Server) -> None:
    done = server.ssh("echo out; echo err >&2; exit 7", options=["-tt"])

    assert done.returncode == 7
    assert done.stdout == b"out\r\nerr\r\n"


def test_output_on_a_terminal_is_complete(server: Server) -> None:
    done = server.ssh("seq 100000", options=["-tt"])

    assert done.stdout.split() == [b"%d" % i for i in range(1, 100_001)]


def test_a_refusal_on_a_terminal_ends_its_line_for_terminals(server: Server) -> None:
    done = server.ssh("x" * 70_000, "x" * 70_000, options=["-tt"])

    assert done.returncode == 255
    assert b"(COMMAND_TOO_LONG)\r\n" in done.stderr
