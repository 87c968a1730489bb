"""The launcher under shells of this machine: what it asks of them, and how little."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from sshore.engine.launcher import Argv, Command, Tty, launch_argv
from support.terminal import Terminal

SHELLS = ("dash", "bash")
SIZED = Tty((80, 24), ((53, 0), (3, 127)))
APART = ["cols 80", "rows 24", "-echo", "erase ^?"]
ALL = " ".join(APART)


def launched(shell: str, argv: tuple[str, ...]) -> list[str]:
    """Return `argv` for that shell, found as the machine finds it."""
    return ["/bin/" + shell, *argv[1:]]


@pytest.mark.parametrize("shell", SHELLS)
def test_without_a_terminal_it_runs_nothing_but_the_program(shell: str, tmp_path: Path) -> None:
    argv = launched(shell, launch_argv(Argv(("/bin/echo", "a  b")), say_pid=True))
    done = subprocess.run(argv, env={"PATH": str(tmp_path)}, cwd="/", capture_output=True, timeout=20, check=False)

    first, said = done.stdout.decode().splitlines()
    assert all(number.isdigit() for number in first.split())
    assert (said, done.stderr, done.returncode) == ("a  b", b"", 0)


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(
    ("answers", "calls"), [("true", [ALL]), ("false", [ALL, *APART])], ids=["it knows all", "it does not"]
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
