"""The keeper under shells of this machine: what it outlives, what it waits for, and what it says."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest
from sshore.engine.keeper import KILLS_GROUP, kept_argv
from sshore.engine.launcher import Command, launch_argv

POSIX_SHELLS = (("dash",), ("bash",), ("busybox", "sh"))


@pytest.fixture(params=POSIX_SHELLS, ids=lambda shell: shell[0])
def shell(request: pytest.FixtureRequest) -> list[str]:
    """A shell's program, and what it is told first."""
    found = shutil.which(request.param[0])
    assert found, f"this test needs {request.param[0]}: run scripts/test.sh"
    return [found, *request.param[1:]]


def keep(shell: list[str], command: str) -> subprocess.CompletedProcess[bytes]:
    """Run a keeper for that command to its end, as the leader of a session that nobody else is in."""
    argv = [*shell, *kept_argv(launch_argv(Command(command)))[1:]]
    env = {"PATH": os.environ["PATH"], KILLS_GROUP[0]: KILLS_GROUP[1]}
    return subprocess.run(argv, env=env, capture_output=True, timeout=20, check=False, start_new_session=True)


@pytest.mark.parametrize(
    ("command", "status", "stdout", "stderr"),
    [
        ("echo hi; echo err >&2; exit 3", 3, b"hi\n", b"err\n"),
        ("(sleep 0.4; echo late) & exit 4", 4, b"late\n", b""),
        ("(sleep 0.4; echo late >&2) >/dev/null & exit 4", 4, b"", b"late\n"),
        ("sleep 600 >/dev/null 2>&1 & exit 5", 5, b"", b""),
        ("kill -KILL $$", 128 + 9, b"", b""),
        ("kill -USR1 0", 128 + 10, b"", b""),
        ("trap 'echo caught; exit 9' HUP; kill -HUP 0", 9, b"caught\n", b""),
        (f"echo ${KILLS_GROUP[0]}", 0, b"\n", b""),
    ],
)
def test_the_program_is_as_without_it_and_its_children_are_heard(
    shell: list[str], command: str, status: int, stdout: bytes, stderr: bytes
) -> None:
    done = keep(shell, command)
    assert (done.returncode, done.stdout, done.stderr) == (status, stdout, stderr)


def test_no_signal_to_the_group_ends_the_keeper(shell: list[str]) -> None:
    survives = "for s in HUP INT QUIT TERM USR1 USR2 ALRM PIPE IO VTALRM; do trap : $s; done; trap '' TSTP TTIN TTOU"
    sends = "for s in HUP INT QUIT TERM USR1 USR2 ALRM PIPE IO VTALRM TSTP TTIN TTOU; do kill -s $s 0; done"
    done = keep(shell, f"{survives}; {sends}; sleep 0.1; echo there; exit 6")
    assert (done.returncode, done.stdout, done.stderr) == (6, b"there\n", b"")
