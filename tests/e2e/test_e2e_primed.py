"""Shells that wait: what a program begins with and how it ends is what it would be by a plain exec."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import pytest
from support.gateway import StartGateway, wait_until
from support.server import EVENT_SECONDS, Server, Serving
from support.terminal import Terminal

Result = TypeVar("Result")

pytestmark = [pytest.mark.engine, pytest.mark.timeout(300)]

RUNS = int(os.environ.get("SSHORE_PRIMED_RUNS", "1"))
"""How often each of the commands is compared; the record's thousand runs are 40 of these."""

PRIMED, BECAME, LOST = "shell_primed", "shell_became_program", "shell_lost"
CENSUS = r"""
env | grep -v -e ^SSH_C -e ^SSH_TTY | sort
tr '\0' ' ' </proc/$$/cmdline | head -c 20
ls /proc/self/fd | tr '\n' ' '
grep -E 'Sig[BIC]|Shd|Cap|NoNewPrivs|Uid|Gid|Groups|Seccomp:' /proc/self/status
set -- $(sed 's/.*) //' /proc/$$/stat)
echo "parent: $2 group: $(($3 - $$)) session: $(($4 - $$)) terminal: $5 nice: ${16} ${17}"
cat /proc/$$/oom_score_adj; umask; ulimit -a; pwd; id; sed 's,/docker.*,,' /proc/$$/cgroup
"""
COMMANDS = {
    "what it begins with": CENSUS,
    "a pid that leads": 'ps -o pid=,pgid=,sid= -p $$ | { read -r a b c; [ "$a$b" = "$b$c" ]; }',
    "a status": "exit 42",
    "the last status": "(exit 255)",
    "a kill": "kill -9 $$",
    "a signal": "kill -TERM $$; sleep 5",
    "no such program": "no-such-program",
    "a broken command": "echo 'open",
    "nothing": "",
    "both streams": "echo out; echo err >&2; echo more",
    "a megabyte": "head -c 1000000 /dev/zero | tr '\\0' x",
    "its stdin": "sha256sum; echo end",
    "a line of its stdin": 'read -r line; echo "$line"; head -c 3; echo; sha256sum',
    "no more of its stdin": "exec <&-; echo closed",
    "awkward characters": "printf '%s\\n' 'it'\"'\"'s' \"\\$HOME\" \\\\ `echo back` '\t' 'é€😀' \"#\"; # the end",
    "lines": "cat <<'E'\n'\\''$x\n\nE\necho over\n",
    "bytes that are no text": b"printf '%s' '\xff\xfe\x01' | od -c",
    "100 KB": "true " + "x" * 100_000 + "; echo over",
    "a background child": "sleep 0.2 & echo parent; wait; echo child",
    "variables": 'echo "$LC_ALL|$FOO|$LC_TIME"',
}
SEND = ["-o", "SendEnv=LC_ALL FOO LC_TIME"]
VARIABLES = {"LC_ALL": "de_DE.UTF-8", "FOO": "it's\n\ta 'b' \"c\" $d \\", "LC_TIME": "C"}


def told(server: Server, event: str, *, tty: bool) -> int:
    """How often the server has told of a shell's event."""
    return sum(f"event={event} " in line and f" tty={tty}" in line for line in server.log.splitlines())


def await_shells(server: Server, number: int = 1, *, tty: bool = False) -> None:
    """Wait until that many shells wait for the programs of connections that have not ended, beside those in a pool."""
    deadline = time.monotonic() + EVENT_SECONDS
    number += server.pool_size
    while told(server, PRIMED, tty=tty) - told(server, BECAME, tty=tty) - told(server, LOST, tty=tty) < number:
        assert time.monotonic() < deadline, server.log[-4000:]
        time.sleep(0.01)


@dataclass
class Ways:
    """The same server twice, the first with shells that wait, and an open connection to each."""

    servers: Sequence[Server]
    options: Sequence[list[str]]

    def both(self, run: Callable[[Server, list[str]], Result], *, tty: bool = False) -> list[Result]:
        """Run something with a shell that waits and without; return what came of it."""
        await_shells(self.servers[0], tty=tty)
        before = told(self.servers[0], BECAME, tty=tty)
        results = [run(server, options) for server, options in zip(self.servers, self.options, strict=True)]
        assert told(self.servers[0], BECAME, tty=tty) == before + 1, self.servers[0].log[-4000:]
        return results


@pytest.fixture(scope="module")
def ways(serving: Serving) -> Iterator[Ways]:
    with _served(serving) as ways:
        yield ways


@contextmanager
def _served(serving: Serving, **execution: object) -> Iterator[Ways]:
    box = {"container": {"Image": "sshore/guest:latest", "Hostname": "box"}, **execution}
    with (
        serving({**box, "primed": True}, log_level="debug") as primed,
        serving({**box, "primed": False}) as plain,
        primed.master(SEND) as first,
        plain.master(SEND) as second,
    ):
        for server, options in ((primed, first), (plain, second)):
            # Both containers are there before the first test looks which are.
            server.ssh("true", options=options)
        yield Ways((primed, plain), (first, second))


def ran(server: Server, options: list[str], command: str | bytes, stdin: bytes | None) -> tuple[bytes, bytes, int]:
    argv = server.ssh_argv(options=[*options, *SEND])
    done = server.run([*argv, command or " "], stdin=stdin, env=os.environ | VARIABLES, timeout=20)  # type: ignore[list-item]
    return done.stdout, done.stderr, done.returncode


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_nobody_can_tell(ways: Ways, command: str | bytes) -> None:
    stdin = b"first line\nabc" + os.urandom(70_000)
    for _ in range(RUNS):
        primed, plain = ways.both(lambda server, options: ran(server, options, command, stdin))
        assert primed == plain


TERMINAL = {
    "what it begins with": CENSUS,
    "its terminal": "stty -a; stty size; tty; echo $TERM",
    "its terminal's name": 'echo "$SSH_TTY:$(tty)" | sed "s,/[0-9]*,,g"',
    "a command longer than a line": "echo " + "x" * 9_000 + " | wc -c",
    "a status": "exit 3",
    "a kill": "kill -9 $$",
}


@pytest.mark.parametrize("command", TERMINAL.values(), ids=TERMINAL)
def test_nobody_can_tell_on_a_terminal(ways: Ways, command: str) -> None:
    def run(server: Server, options: list[str]) -> tuple[bytes, int]:
        argv = server.ssh_argv(command, options=[*options, "-tt", "-o", "LogLevel=ERROR"])
        with Terminal(["sh", "-c", 'stty erase ^H -iutf8; exec "$@"', "sh", *argv], 101, 33, "vt220") as terminal:
            status = terminal.wait()
            return re.sub(rb"pts/\d+", b"pts/N", re.sub(rb"terminal: \d+", b"", terminal.screen)), status

    for _ in range(RUNS):
        primed, plain = ways.both(run, tty=True)
        assert primed == plain


def test_a_shell_on_a_terminal_echoes_interrupts_and_follows_the_window(ways: Ways) -> None:
    def run(server: Server, options: list[str]) -> None:
        with Terminal(server.ssh_argv(options=[*options, "-tt"]), columns=101, rows=33) as terminal:
            terminal.type("PS1='rea''dy> '\r")
            terminal.expect("ready> ")
            terminal.type("stty size\r")
            terminal.expect("33 101\r\n")
            terminal.type("sh -c 'echo begun $((6*6)); exec sleep 600'\r")
            terminal.expect("begun 36")
            terminal.type("\x03")
            terminal.expect("ready> ")
            terminal.type("echo up $((6*5)); cat\r")
            terminal.expect("up 30\r\n")
            terminal.type("one\r")
            terminal.expect("one\r\none\r\n")
            terminal.type("\x1a")
            terminal.expect("Stopped")
            terminal.resize(77, 19)
            terminal.type('kill %1; until [ "$(stty size)" = "19 77" ]; do :; done; echo $((6*7)); exit 4\r')
            terminal.expect("42\r\n")
            assert terminal.wait() == 4

    ways.both(run, tty=True)


async def test_what_was_typed_ahead_is_echoed_once_by_the_programs_own_terminal(serving: Serving) -> None:
    with serving({"primed": True}, log_level="debug") as server:
        await _types_ahead(server)


async def _types_ahead(server: Server) -> None:
    async with server.connect() as connection:
        await asyncio.to_thread(await_shells, server, tty=True)
        process = await connection.create_process("stty size; cat", term_type="xterm", term_size=(101, 33))
        process.stdin.write("early\n\x04")
        done = await asyncio.wait_for(process.wait(), EVENT_SECONDS)
        assert (sorted(done.stdout.split("\r\n")), done.exit_status) == (["", "33 101", "early", "early"], 0)
        assert told(server, BECAME, tty=True) == 1


def test_its_variables_are_the_clients(ways: Ways) -> None:
    primed, plain = ways.both(lambda server, options: ran(server, options, 'printf %s "$FOO$LC_ALL"', b""))
    assert primed == plain
    assert primed[0].decode() == VARIABLES["FOO"] + VARIABLES["LC_ALL"]


def test_a_subsystem_is_the_same(ways: Ways) -> None:
    def run(server: Server, options: list[str]) -> tuple[bytes, int]:
        sftp = ["sftp", *server.ssh_options, "-o", f"ControlPath={options[-1]}", "-b", "-", "sshore"]
        done = server.run(sftp, stdin=b"ls /etc/passwd\n")
        return done.stdout, done.returncode

    primed, plain = ways.both(run)
    assert primed == plain
    assert b"/etc/passwd" in primed[0]


KILL_WAITING = "pkill -9 -f '[.]order [0-9a-f]'; true"


def test_who_kills_his_waiting_shells_gets_his_programs_all_the_same(ways: Ways) -> None:
    server, options = ways.servers[0], ways.options[0]
    for tty in (True, False):
        await_shells(server, tty=tty)
        lost = told(server, LOST, tty=tty)
        killed = server.ssh(KILL_WAITING, options=[*options, "-T" if tty else "-tt"])
        done = server.ssh("tty; exit 5", options=[*options, "-tt" if tty else "-T"])
        assert (killed.returncode, done.returncode, b"/dev/pts/" in done.stdout) == (0, 5, tty)
        assert told(server, LOST, tty=tty) == lost + 1


def test_an_order_that_cannot_be_delivered_becomes_a_plain_exec(ways: Ways) -> None:
    server, options = ways.servers[0], ways.options[0]
    await_shells(server)
    lost = told(server, LOST, tty=False)
    for order in (server.state / "pipes").rglob("*.order"):
        order.unlink()
    done = server.ssh("cat; exit 7", options=options, stdin=b"kept")
    assert (done.stdout, done.stderr, done.returncode) == (b"kept", b"", 7)
    assert told(server, LOST, tty=False) == lost + 1


def test_shells_that_wait_are_no_programs_and_end_with_their_connection(start_gateway: StartGateway) -> None:
    gateway = start_gateway("connection")
    with subprocess.Popen(gateway.ssh_argv("cat"), stdin=subprocess.PIPE):
        wait_until(lambda: gateway.metric("sshore_sessions_current") == 1)
        with gateway.master():
            gateway.await_shells(2)
            assert gateway.metric("sshore_sessions_current") == 1
        gateway.await_shells(1)
        assert gateway.metric("sshore_sessions_current") == 1
    gateway.await_shells(0)
    gateway.await_no_container()


def test_without_named_pipes_shells_wait_all_the_same(serving: Serving) -> None:
    with _served(serving, pipes="off") as ways:
        primed, plain = ways.both(lambda server, options: ran(server, options, CENSUS, b""))
        assert primed == plain
        for server, options in zip(ways.servers, ways.options, strict=True):
            assert server.ssh("readlink /proc/self/fd/1", options=options).stdout.startswith(b"pipe:[")
