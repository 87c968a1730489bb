"""The umask of programs, under shells of this machine that were started with another."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import ValidationError
from sshore.actors.specs import program_argv
from sshore.config.models import ExecutionConfig
from sshore.engine.launcher import SHELL, Argv, Command, LoginShell, Program
from sshore.engine.primed_shell import order_for, primed_argv

BOOT = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
SECONDS = 20.0

PROGRAMS = {
    "a command": Command("umask"),
    "words": Argv((SHELL, "-c", "umask")),
    "a shell": LoginShell(),
}
Run = Callable[[tuple[str, ...], int, Path], str]


def plainly(argv: tuple[str, ...], umask: int, folder: Path) -> str:
    return _said(subprocess.Popen(_here(argv, folder), umask=umask, **_AS_AN_EXEC), b"umask\n")


def primed(argv: tuple[str, ...], umask: int, folder: Path) -> str:
    order = folder / "order"
    os.mkfifo(order)
    waiting = subprocess.Popen(_here(primed_argv(str(order), BOOT), folder), umask=umask, **_AS_AN_EXEC)
    assert waiting.stdout
    waiting.stdout.readline()
    text = order_for(argv, ())
    assert text
    order.write_bytes(text)
    return _said(waiting, b"umask\n")


def _here(argv: tuple[str, ...], folder: Path) -> list[str]:
    return [str(folder / "sh") if word == SHELL else word for word in argv]


def _said(process: subprocess.Popen[bytes], stdin: bytes) -> str:
    said, errors = process.communicate(stdin, timeout=SECONDS)
    assert (errors, process.returncode) == (b"", 0)
    return said.decode().strip()


_AS_AN_EXEC = {
    "cwd": "/",
    "env": {"PATH": os.environ["PATH"], "HOME": "/"},
    "start_new_session": True,
    "stdin": subprocess.PIPE,
    "stdout": subprocess.PIPE,
    "stderr": subprocess.PIPE,
}


@pytest.fixture(params=["dash", "bash"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A folder whose `sh` is one of the shells."""
    found = shutil.which(request.param)
    assert found
    (tmp_path / "sh").symlink_to(found)
    return tmp_path


@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS)
@pytest.mark.parametrize("run", [plainly, primed])
@pytest.mark.parametrize(("engines", "umask"), [(0o000, "0022"), (0o002, "0022"), (0o022, "0022"), (0o077, "0077")])
def test_it_is_the_engines_with_at_least_022(
    run: Run, program: Program, engines: int, umask: str, folder: Path
) -> None:
    argv = program_argv(ExecutionConfig(), program, None, say_pid=False, sizes_terminals=True)
    assert run(argv, engines, folder) == umask


@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS)
@pytest.mark.parametrize("run", [plainly, primed])
@pytest.mark.parametrize(("configured", "umask"), [("002", "0002"), ("0027", "0027"), ("000", "0000")])
def test_it_is_the_configured_one(run: Run, program: Program, configured: str, umask: str, folder: Path) -> None:
    argv = program_argv(ExecutionConfig(umask=configured), program, None, say_pid=False, sizes_terminals=True)
    assert run(argv, 0o077, folder) == umask


@pytest.mark.parametrize("value", [22, 18, "22", "1022", "088", "u=rwx", "", "0o022", "-022", True, "022\n"])
def test_anything_else_than_octal_digits_in_quotes_is_refused(value: object) -> None:
    with pytest.raises(ValidationError, match="three octal digits in quotes"):
        ExecutionConfig.model_validate({"umask": value})
