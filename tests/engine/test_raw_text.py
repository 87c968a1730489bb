"""Bytes that are no text get past an API that carries text only, whatever shell stands in between."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from sshore.engine.launcher import Command, launch_argv
from sshore.engine.primed_shell import order_for
from sshore.engine.raw_text import as_text

EVERY = bytes(range(1, 256))
"""All that an argument can hold."""
MIXED = "caf\xe9 \\n \\0351 %s ' \" $x `".encode() + b"\xe9\xff\x80\x81\x88 end\n\n"


def text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")


def run(argv: Sequence[str], env: Sequence[str], shell: Sequence[str] = ("sh",)) -> bytes:
    """Run argv as an engine does that was told it in JSON."""
    sent_argv, sent_env = json.loads(json.dumps([list(argv), list(env)]))
    words = [word.encode() for word in sent_argv]
    variables = dict(entry.encode().split(b"=", 1) for entry in sent_env)
    return subprocess.run(
        [*shell, *words[1:]], env={b"PATH": b"/usr/bin:/bin", **variables}, stdout=-1, check=True
    ).stdout


@pytest.mark.parametrize("shell", [("dash",), ("bash",), ("busybox", "sh")], ids=lambda shell: shell[0])
@pytest.mark.parametrize("raw", [EVERY, MIXED, b"\xff" * 60_000], ids=["every byte", "mixed", "long"])
def test_arguments_and_variables_arrive_byte_by_byte(shell: tuple[str, ...], raw: bytes) -> None:
    script = 'printf %s "$1"; printf "|%s|%s" "$RAW" "$PLAIN"'
    argv, env = as_text(("/bin/sh", "-c", script, "-", text(raw)), (f"RAW={text(raw[:9_000])}", "PLAIN=x"))
    assert run(argv, env, shell) == raw + b"|" + raw[:9_000] + b"|x"


def test_what_is_text_stays_as_it_is() -> None:
    argv, env = ("/bin/sh", "-c", "echo caf\xe9 \U0001f600"), ("A=\xe9", "B=")
    assert as_text(argv, env) == (argv, env)


def test_the_program_keeps_the_pid_of_the_first_shell() -> None:
    argv, _ = as_text(("/bin/sh", "-c", "echo $$", text(b"\xff")), ())
    process = subprocess.Popen([word.encode() for word in argv], stdout=subprocess.PIPE)
    out, _ = process.communicate(timeout=10)
    assert int(out) == process.pid


def test_a_variable_that_no_shell_can_name_is_left_out() -> None:
    argv, env = as_text(("/usr/bin/env",), (text(b"\xff=1"), text(b"A-B=\xff"), "C-D=2", text(b"E=\xff")))
    assert env == ("C-D=2",)
    assert b"E=\xff\n" in run(argv, ())


def test_the_users_own_shell_gets_the_command_itself() -> None:
    """A csh would make nothing of a POSIX shell's `printf`."""
    argv = launch_argv(Command(text(b"printf %s '\xe9'")))
    sent, _ = as_text(argv, ())
    assert run(sent, ()) == b"\xe9"
    assert not any("printf" in word and "\xe9" in word for word in sent)


def test_an_order_has_the_bytes_as_they_are() -> None:
    order = order_for(launch_argv(Command(text(b"echo \xff"))), [f"RAW={text(EVERY[125:])}"])
    assert order is not None
    assert b"echo \xff" in order
    assert EVERY[127:] in order


@pytest.mark.parametrize("shell", [("dash",), ("bash",), ("busybox", "sh")], ids=lambda shell: shell[0])
def test_a_shell_reads_them_from_an_order(shell: tuple[str, ...], tmp_path: Path) -> None:
    order = order_for(launch_argv(Command(text(EVERY))), [f"RAW={text(EVERY)}"])
    assert order is not None
    (tmp_path / "order").write_bytes(order)
    script = '. "$1"; shift $(($# - 1)); printf "%s|%s" "$RAW" "$1"'
    done = subprocess.run([*shell, "-c", script, "-", str(tmp_path / "order")], capture_output=True, check=True)
    assert done.stdout == EVERY + b"|" + EVERY
