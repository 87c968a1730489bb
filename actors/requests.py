"""What clients may ask of a session, checked before anything is started for it."""

from __future__ import annotations

import re
import string

from ..config.models import ExecutionConfig
from ..engine.launcher import ARGUMENT_LIMIT, Argv, Command, LoginShell, Program, Sftp
from ..metrics.codes import Code
from .messages import RunExec, RunShell, RunSubsystem
from .refusals import RefusedError, refuse

SIGNALS = frozenset(
    [
        "ABRT",
        "ALRM",
        "BUS",
        "CHLD",
        "CONT",
        "FPE",
        "HUP",
        "ILL",
        "INT",
        "IO",
        "KILL",
        "PIPE",
        "PROF",
        "PWR",
        "QUIT",
        "SEGV",
        "STKFLT",
        "STOP",
        "SYS",
        "TERM",
        "TRAP",
        "TSTP",
        "TTIN",
        "TTOU",
        "URG",
        "USR1",
        "USR2",
        "VTALRM",
        "WINCH",
        "XCPU",
        "XFSZ",
    ]
)
"""Linux's signals without SIG; RFC 4254 §6.10 names a subset."""

_SFTP = "sftp"
_LONGEST_NAME = 64
_SURROGATE = re.compile("[\udc80-\udcff]")
_PLAIN = frozenset(string.printable) - {"\\", "'"}


def check_env(name: str, value: str) -> None:
    """Raise RefusedError unless the variable can be given to a program."""
    if not name or "=" in name or "\0" in name or "\0" in value:
        raise RefusedError(refuse(Code.ENV_INVALID, f"environment variable {name!r}"))
    if len(_encoded(f"{name}={value}")) > ARGUMENT_LIMIT:
        raise RefusedError(refuse(Code.ENV_TOO_LARGE, f"environment variable {name!r}"))


def check_signal(name: str) -> None:
    """Raise RefusedError unless it is a signal's name without SIG."""
    if name not in SIGNALS:
        raise RefusedError(refuse(Code.SIGNAL_UNKNOWN, f"signal {name!r}"))


def check_length(request: RunShell | RunExec | RunSubsystem, most: int) -> None:
    """Raise RefusedError for a command longer than `most` bytes; 0 is no limit but the kernel's."""
    if isinstance(request, RunExec) and 0 < most < len(_encoded(request.command)):
        raise RefusedError(refuse(Code.COMMAND_OVER_LIMIT, f"an exec request of {len(request.command)} characters"))


def program_for(request: RunShell | RunExec | RunSubsystem, execution: ExecutionConfig) -> Program:
    """Return what to run. As under sshd the configured shell gets command lines too (`SHELL -c COMMAND`).

    Raises RefusedError for what cannot or may not run.
    """
    shell = tuple(execution.shell_command or ())
    match request:
        case RunShell():
            return Argv(shell) if shell else LoginShell()
        case RunExec(command):
            if execution.disable_command:
                raise RefusedError(refuse(Code.EXEC_DISABLED, "docker.execution.disableCommand is set"))
            _check_command(command)
            line = in_utf8(command)
            return Argv((*shell, "-c", line)) if shell else Command(line)
        case RunSubsystem(name):
            return _subsystem(name, execution)


def check_subsystem(name: str, execution: ExecutionConfig) -> None:
    """Raise RefusedError unless there is such a subsystem."""
    if name != _SFTP and name not in execution.subsystems:
        raise RefusedError(refuse(Code.SUBSYSTEM_UNKNOWN, f"subsystem {name[:_LONGEST_NAME]!r} is not configured"))


def _subsystem(name: str, execution: ExecutionConfig) -> Program:
    check_subsystem(name, execution)
    configured = execution.subsystems.get(name)
    return Command(configured) if configured else Sftp()


def in_utf8(command: str) -> str:
    """Return a command line of valid text that does the same; in `command` bytes that are not are surrogates.

    The engine's API is JSON, which carries text only: a shell has to make the bytes out of it.
    """
    if command.isascii() or not _SURROGATE.search(command):
        return command
    escaped = "".join(chr(byte) if chr(byte) in _PLAIN else f"\\0{byte:03o}" for byte in _encoded(command))
    return f"""eval "$(printf %b '{escaped}')\""""


def _check_command(command: str) -> None:
    if "\0" in command:
        raise RefusedError(refuse(Code.COMMAND_INVALID, "NUL in an exec request"))
    if len(_encoded(in_utf8(command))) > ARGUMENT_LIMIT:
        raise RefusedError(refuse(Code.COMMAND_TOO_LONG, f"an exec request of {len(command)} characters"))


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
