"""The launcher under shells of this machine: what it asks of them, and how little."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from sshore.engine.launcher import APART, CLOSED, PIPED, Argv, Command, NamedPipes, Tty, launch_argv
from support.terminal import Terminal

SHELLS = ("dash", "bash")
SIZED = Tty((80, 24), ((53, 0), (3, 127)))
ONE_BY_ONE = ["cols 80", "rows 24", "-echo", "erase ^?"]
ALL = " ".join(ONE_BY_ONE)


POSIX_SHELLS = (("dash",), ("bash",), ("busybox", "sh"))
BOOT_ID = Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def in_shell(shell: tuple[str, ...], command: str, pipes: NamedPipes) -> list[str]:
    """Return a launcher that was told of `pipes`, for that shell."""
    found = shutil.which(shell[0])
    assert found, f"this test needs {shell[0]}: run scripts/test.sh"
    return [found, *shell[1:], *launch_argv(Command(command), pipes=pipes)[1:]]


@pytest.fixture
def fifos(tmp_path: Path) -> str:
    """Make three, and return what their names begin with."""
    for name in ("in", "out", "err"):
        os.mkfifo(tmp_path / f"s.{name}")
    return str(tmp_path / "s")


def launched(shell: str, argv: tuple[str, ...]) -> list[str]:
    """Return `argv` for that shell, found as the machine finds it."""
    return ["/bin/" + shell, *argv[1:]]


@pytest.mark.parametrize("shell", SHELLS)
def test_going_home_leaves_no_trace_in_the_environment(shell: str) -> None:
    argv = launched(shell, launch_argv(Argv(("env",))))
    done = subprocess.run(argv, cwd="/", capture_output=True, timeout=20, check=False)
    assert not [line for line in done.stdout.decode().splitlines() if line.startswith(("OLDPWD=", "sshore_"))]


@pytest.mark.parametrize("shell", SHELLS)
def test_without_a_terminal_it_runs_nothing_but_the_program(shell: str, tmp_path: Path) -> None:
    argv = launched(shell, launch_argv(Argv(("/bin/echo", "a  b")), say_pid=True))
    done = subprocess.run(argv, env={"PATH": str(tmp_path)}, cwd="/", capture_output=True, timeout=20, check=False)

    first, said = done.stdout.decode().splitlines()
    assert re.fullmatch(r"\d+( \d+:\d+){2}", first)
    assert (said, done.stderr, done.returncode) == ("a  b", b"", 0)


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(
    ("answers", "calls"), [("true", [ALL]), ("false", [ALL, *ONE_BY_ONE])], ids=["it knows all", "it does not"]
)
def test_stty_is_called_once_unless_it_does_not_know_all(
    shell: str, answers: str, calls: list[str], tmp_path: Path
) -> None:
    stty = tmp_path / "stty"
    stty.write_text(f'#!/bin/sh\necho "$*" >>{tmp_path}/calls\nexec {answers}\n')
    stty.chmod(0o755)
    # What `^?` would mean as a pattern.
    (tmp_path / "^x").touch()
    argv = launched(shell, launch_argv(Command("echo over"), tty=SIZED, stay=True))
    with Terminal(["env", "-C", str(tmp_path), f"PATH={tmp_path}:{os.environ['PATH']}", *argv]) as terminal:
        terminal.expect("over")
        assert terminal.wait() == 0

    assert (tmp_path / "calls").read_text().splitlines() == calls


@pytest.mark.parametrize("shell", SHELLS)
def test_the_terminal_is_ready_before_the_pid_is_said(shell: str) -> None:
    argv = launched(shell, launch_argv(Command("stty -a"), tty=SIZED, say_pid=True))
    with Terminal(argv, columns=10, rows=10) as terminal:
        pid = terminal.expect("\r\n")
        assert pid.isdigit()
        assert b"erase = ^?" in terminal.expect("-echo ")
        assert b"rows 24; columns 80" in terminal.screen


@pytest.mark.parametrize("shell", POSIX_SHELLS, ids=" ".join)
def test_it_moves_to_its_pipes_and_says_so_where_it_came_from(shell: tuple[str, ...], fifos: str) -> None:
    out = os.open(f"{fifos}.out", os.O_RDONLY | os.O_NONBLOCK)
    err = os.open(f"{fifos}.err", os.O_RDONLY | os.O_NONBLOCK)
    spare = os.open(f"{fifos}.in", os.O_RDWR)
    writing = os.open(f"{fifos}.in", os.O_WRONLY)
    command = "read -r l; echo $l; echo e >&2; ls /proc/self/fd | wc -l; cat; exit 7"
    launcher = subprocess.Popen(
        in_shell(shell, command, NamedPipes(fifos, BOOT_ID)), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert launcher.stdout is not None
    said = launcher.stdout.readline().decode()
    os.close(spare)
    os.write(writing, b"one\ntwo")
    os.close(writing)

    assert re.fullmatch(rf"{launcher.pid}( \d+:\d+){{2}} {PIPED}\n", said)
    assert launcher.communicate(timeout=20) == (b"", b"")
    # 0, 1, 2 and the look itself: no program inherits what its launcher was started with.
    assert (os.read(out, 100), os.read(err, 100), launcher.returncode) == (b"one\n4\ntwo", b"e\n", 7)
    inodes = [str(os.fstat(descriptor).st_ino) for descriptor in (out, err)]
    assert [file.split(":")[1] for file in said.split()[1:3]] == inodes
    os.close(out)
    os.close(err)


@pytest.mark.parametrize("must", [False, True], ids=["it may", "it must"])
@pytest.mark.parametrize(
    ("boot_id", "missing", "word"),
    [("another", "", APART), (BOOT_ID, "in", APART), (BOOT_ID, "err", CLOSED)],
    ids=["another host", "not there", "in part"],
)
@pytest.mark.parametrize("shell", POSIX_SHELLS, ids=" ".join)
def test_it_stays_where_it_is_if_the_pipes_are_not_its_own_hosts(
    shell: tuple[str, ...], boot_id: str, missing: str, word: str, must: bool, fifos: str
) -> None:
    if missing:
        Path(f"{fifos}.{missing}").unlink()
    argv = in_shell(shell, "cat; echo e >&2; exit 7", NamedPipes(fifos, boot_id, must))
    done = subprocess.run(argv, input=b"typed", capture_output=True, timeout=20, check=False)

    if must:
        expected = f"sshore: the named pipes cannot be used ({word})\n".encode()
        assert (done.stdout, done.stderr, done.returncode) == (b"", expected, 126)
    else:
        first, _, rest = done.stdout.partition(b"\n")
        assert (first.decode().split()[-1], rest, done.stderr, done.returncode) == (word, b"typed", b"e\n", 7)
