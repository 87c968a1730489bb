"""Shells that wait for their order, under shells of this machine: what becomes of them is what a plain exec begins."""

from __future__ import annotations

import os
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sshore.engine.launcher import SHELL, Argv, Command, Program, Tty, launch_argv
from sshore.engine.primed_shell import ORDER_LIMIT, order_for, primed_argv
from support.terminal import Terminal

SHELLS = {"dash": "dash", "bash": "bash", "ash": "busybox"}
SECONDS = 20.0
BOOT = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
CENSUS = """\
env | sort
tr '\\0' ' ' </proc/$$/cmdline
ls /proc/self/fd | tr '\\n' ' '
grep -E 'Sig[BIC]|Shd|Cap|NoNewPrivs|Uid|Gid|Groups' /proc/$$/status
set -- $(sed 's/.*) //' /proc/$$/stat)
echo "state group: $(($3 - $$)) session: $(($4 - $$)) tty: $5 nice: ${16} ${17}"
umask; ulimit -a; pwd; echo "$- $# $0"
"""
AWKWARD = {
    "quotes": """echo 'it'"'"'s' "$HOME" `echo x` \\\\ $'a' "'" """,
    "newlines": "echo a\necho b\n\n# nothing\necho 'c\n\nd'\n",
    "a here document": "cat <<'E'\n'\\''$x\nE\n",
    "every character": "printf %s '"
    + "".join(map(chr, [*range(1, 39), *range(40, 128)])).replace("%", "%%")
    + "' | od -c; echo 'é€😀'",
    "100 KB": "true " + "x" * 100_000 + "; echo over",
    "nothing": "",
}


@dataclass
class Shell:
    """One kind of `/bin/sh`, as a file of that name."""

    path: Path
    env: dict[str, str] = field(default_factory=lambda: {"PATH": os.environ["PATH"], "HOME": "/"})

    def argv(self, argv: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(str(self.path) if word == SHELL else word for word in argv)

    def plainly(self, program: Program, env: dict[str, str], stdin: bytes = b"") -> tuple[bytes, bytes, int]:
        argv = self.argv(launch_argv(program, say_pid=True))
        done = subprocess.run(argv, input=stdin, env=self.env | env, **_AS_AN_EXEC)
        return done.stdout.partition(b"\n")[2], done.stderr, done.returncode

    def primed(self, program: Program, env: dict[str, str], stdin: bytes = b"") -> tuple[bytes, bytes, int]:
        order = self.path.with_name(f"order-{time.monotonic_ns()}")
        os.mkfifo(order)
        given = {name: value for name, value in _AS_AN_EXEC.items() if name not in ("timeout", "capture_output")}
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        waiting = subprocess.Popen(self.argv(primed_argv(str(order), BOOT)), env=self.env, bufsize=0, **pipes, **given)
        assert waiting.stdout
        assert waiting.stdout.readline() == b"%d\n" % waiting.pid
        text = order_for(launch_argv(program, say_pid=True), (f"{name}={env[name]}" for name in env))
        assert text
        give(order, text)
        said, errors = waiting.communicate(stdin, timeout=SECONDS)
        pid, _, said = said.partition(b"\n")
        assert pid.split()[0] == b"%d" % waiting.pid
        return said, errors, waiting.returncode

    def does_not_wait(self, boot_id: str, env: dict[str, str]) -> bool:
        order = self.path.with_name("order")
        os.mkfifo(order)
        argv = self.argv(primed_argv(str(order), boot_id))
        with subprocess.Popen(argv, env=self.env | env, stdout=subprocess.PIPE) as waiting:
            assert waiting.stdout
            waits = bool(waiting.stdout.readline())
            if waits:
                give(order, b"")
        return not waits


_AS_AN_EXEC = {"cwd": "/", "start_new_session": True, "capture_output": True, "timeout": SECONDS}


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest, tmp_path: Path) -> Shell:
    """Each of the shells as `sh`."""
    (tmp_path / "sh").symlink_to(f"/bin/{SHELLS[request.param]}")
    return Shell(tmp_path / "sh")


def give(order: Path, text: bytes) -> None:
    """Write the order as the gateway does: whoever says his pid is about to read."""
    deadline = time.monotonic() + SECONDS
    while True:
        try:
            end = os.open(order, os.O_WRONLY | os.O_NONBLOCK)
            break
        except OSError:
            assert time.monotonic() < deadline, "nobody reads the order"
            time.sleep(0.001)
    os.set_blocking(end, True)
    with os.fdopen(end, "wb") as file:
        file.write(text)


def test_nothing_tells_it_from_a_plain_exec(shell: Shell) -> None:
    env = {"LANG": "C.UTF-8", "TERM": "vt100", "FOO": "it's\n\ta 'b' \"c\" $d \\", "EMPTY": "", "SSH_CLIENT": "1 2 3"}
    plain, primed = shell.plainly(Command(CENSUS), env), shell.primed(Command(CENSUS), env)
    assert primed == plain
    assert b"FOO=it's" in plain[0]
    assert b"max user processes" in plain[0] or b"processes" in plain[0]


@pytest.mark.parametrize("command", AWKWARD.values(), ids=AWKWARD)
def test_any_command_comes_whole(shell: Shell, command: str) -> None:
    assert shell.primed(Command(command), {}) == shell.plainly(Command(command), {})


def test_words_and_statuses_are_the_same(shell: Shell) -> None:
    for program in (Argv(("printf", "%s|", "a b", "", "*", "'")), Argv(("no-such-program",)), Command("kill -9 $$")):
        plain, primed = shell.plainly(program, {}), shell.primed(program, {})
        assert (primed[0], primed[2]) == (plain[0], plain[2])


def test_stdin_is_the_programs_from_its_first_byte(shell: Shell) -> None:
    given = b"first\nsecond\n\0third"
    assert shell.primed(Command("read -r line; echo $line; cat"), {}, given)[0] == given


def test_an_unknown_locale_is_complained_of_as_often_as_by_a_plain_exec(shell: Shell) -> None:
    env = {"LC_ALL": "xx_XX.UTF-8", "LANG": "yy_YY"}
    assert shell.primed(Command("true"), env) == shell.plainly(Command("true"), env)


def test_where_the_image_counts_shells_it_counts_as_one_or_does_not_wait(shell: Shell) -> None:
    env = shell.env = shell.env | {"SHLVL": "4"}
    if not shell.does_not_wait(BOOT, env):
        assert shell.primed(Command("echo $SHLVL"), {}) == shell.plainly(Command("echo $SHLVL"), {})
    else:
        assert shell.path.readlink().name == "bash"


def test_where_the_directory_is_another_kernels_it_does_not_wait(shell: Shell) -> None:
    assert shell.does_not_wait("0b5c7f0e-another-kernel", {})


def test_where_there_is_no_fifo_it_does_not_wait(shell: Shell) -> None:
    argv = shell.argv(primed_argv(str(shell.path.with_name("none")), BOOT))
    assert subprocess.run(argv, env=shell.env, capture_output=True, timeout=SECONDS, check=False).stdout == b""


def test_an_empty_order_ends_it(shell: Shell) -> None:
    order = shell.path.with_name("order")
    os.mkfifo(order)
    argv = shell.argv(primed_argv(str(order), BOOT))
    with subprocess.Popen(argv, env=shell.env, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as waiting:
        assert waiting.stdout
        assert waiting.stdout.readline()
        give(order, b"")
        assert waiting.stdout.read() == b""
        assert waiting.wait(SECONDS) == 0


def test_a_terminal_is_set_up_before_the_program_and_shows_nothing_of_the_order(shell: Shell) -> None:
    order = shell.path.with_name("order")
    os.mkfifo(order)
    tty = Tty((101, 33), ((53, 0), (3, 127)))
    text = order_for(launch_argv(Command("stty -a; tty"), tty=tty, say_pid=True), ["TERM=vt100"])
    assert text
    argv = ("env", "-u", "SHLVL", *shell.argv(primed_argv(str(order), BOOT)))
    with Terminal(argv, columns=10, rows=10) as terminal:
        pid = terminal.expect("\r\n")
        assert pid.isdigit()
        give(order, text)
        assert terminal.expect("\r\n") == pid
        assert b"erase = ^?" in terminal.expect("-echo ")
        assert b"rows 33; columns 101" in terminal.screen
        terminal.expect("/dev/pts/")
        assert terminal.wait() == 0


@pytest.mark.parametrize(
    "entry",
    [
        "A-B=1",
        "1A=1",
        "=1",
        "UID=7",
        "PS1=x",
        "BASH_ENV=/x",
        "SHLVL=9",
        "_=x",
        "IFS=:",
        "sshore_launcher=x",
        "LC_ALL=\ud800",
        "A=\0",
    ],
)
def test_what_a_shell_would_not_pass_on_as_it_is_gets_no_order(entry: str) -> None:
    assert order_for(launch_argv(Argv(("/bin/true",))), [entry]) is None
    assert order_for(launch_argv(Argv(("/bin/true",))), ["LANGUAGE=x", "UIDS=1", "MY_PS1=x"]) is not None


def test_what_is_too_long_gets_no_order() -> None:
    assert order_for(launch_argv(Command("x" * ORDER_LIMIT)), []) is None
    assert order_for(launch_argv(Command("'" * (ORDER_LIMIT // 4))), []) is None
    assert order_for(launch_argv(Command("x" * (ORDER_LIMIT // 2))), []) is not None


def test_an_order_that_is_cut_off_is_none(shell: Shell, tmp_path: Path) -> None:
    text = order_for(launch_argv(Argv(("touch", str(tmp_path / "a"), str(tmp_path / "b")))), [])
    assert text
    order = shell.path.with_name("order")
    for end in (b"'touch' '%s/a'" % bytes(tmp_path), b"/b'", b"/b'\n", b"sshore_who"):
        os.mkfifo(order)
        argv = shell.argv(primed_argv(str(order), BOOT))
        with subprocess.Popen(argv, env=shell.env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as waiting:
            assert waiting.stdout
            assert waiting.stdout.readline()
            give(order, text[: text.index(end) + len(end)])
        order.unlink()
    assert not (tmp_path / "a").exists()
