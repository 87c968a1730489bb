"""A command of any bytes and variables of any value: what runs is what was sent, or a refusal says why not."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path

from hypothesis import assume, example, given
from hypothesis import strategies as st
from sshore.actors.messages import RunExec
from sshore.actors.refusals import Refused, RefusedError
from sshore.actors.requests import check_env, check_signal, program_for
from sshore.backend.pid_line import PidLine
from sshore.config.models import ExecutionConfig
from sshore.engine.launcher import Command, launch_argv
from support.corpus import files_of
from support.effort import in_time, tries

pytestmark = in_time

anything = st.binary(max_size=60).map(lambda data: data.decode("utf-8", "surrogateescape"))
lines = anything | st.text(max_size=60) | st.text("'\"\\$`!*?;&|<>(){}[]~# \n\t\r-=abc", max_size=60)
EXECUTION = ExecutionConfig.model_validate({"container": {"Image": "any"}})
_SHELLS_OWN = {"PWD", "SHLVL", "_", "OLDPWD", "PATH", "IFS", "PS1", "PS2", "PS4", "OPTIND", "PPID", "UID", "EUID"}
_LOGINS_OWN = {"USER", "LOGNAME", "HOME", "SHELL"}


def launched(command: str, env: dict[str, str]) -> bytes:
    """Run the launcher as the engine does, here instead of in a container; return what comes behind its pid."""
    argv = launch_argv(Command(command), say_pid=True)
    done = subprocess.run(
        argv,
        env={"PATH": os.environ["PATH"], **env},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=20,
        check=True,
    )
    line = PidLine()
    rest = line.feed(done.stdout)
    assert line.pid
    assert rest is not None
    return rest


def refusal(attempt: Callable[[], object]) -> Refused | None:
    """Return how it was refused, in a sentence that can be shown; None if it was not."""
    try:
        attempt()
    except RefusedError as error:
        assert error.refused.user.isprintable()  # noqa: PT017  # whether there is an error is the caller's to judge
        return error.refused
    return None


@tries(60)
@example(text="$(exit 3)`x`\n")
@example(text="\udcff\udc80é")
@example(text="-n")
@example(text="")
@given(text=lines.filter(lambda text: "\0" not in text))
def test_a_command_reaches_the_shell_byte_for_byte(text: str) -> None:
    assert launched(f"printf %s {shlex.quote(text)}", {}) == os.fsencode(text)


@files_of("commands")
def test_every_command_of_the_corpus_reaches_the_shell_byte_for_byte(path: Path) -> None:
    text = os.fsdecode(path.read_bytes())
    assert launched(f"printf %s {shlex.quote(text)}", {}) == path.read_bytes()


@tries(60)
@example(name="IFS_", value=" \n")
@example(name="A", value="$(reboot)\n'\"")
@given(name=st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,12}", fullmatch=True), value=lines)
def test_a_variable_reaches_the_program_byte_for_byte(name: str, value: str) -> None:
    assume(name not in _SHELLS_OWN | _LOGINS_OWN and "\0" not in value)
    check_env(name, value)
    assert launched(f'printf %s "${{{name}}}"', {name: value}) == os.fsencode(value)


@tries(200)
@example(name="", value="")
@example(name="A=B", value="")
@example(name="A\0", value="")
@example(name="A", value="x" * 131_071)
@given(name=lines, value=lines)
def test_any_variable_is_one_that_a_kernel_takes_or_refused(name: str, value: str) -> None:
    possible = bool(name) and not {"=", "\0"} & set(name) and "\0" not in value and len(value) < 131_000
    refused = refusal(lambda: check_env(name, value))
    assert (refused is None) == possible


@tries(200)
@example(command="\0")
@example(command="x" * 131_072)
@given(command=lines)
def test_any_command_is_one_program_or_refused(command: str) -> None:
    refused = refusal(lambda: program_for(RunExec(command), EXECUTION))
    assert (refused is None) == ("\0" not in command and len(os.fsencode(command)) <= 131_071)


@tries(100)
@given(name=st.text(max_size=8) | st.sampled_from(["INT", "SIGINT", "int", "KILL", "9"]))
def test_any_signal_is_a_name_of_linux_or_refused(name: str) -> None:
    refused = refusal(lambda: check_signal(name))
    assert refused is not None or (name.isascii() and name.isupper())
