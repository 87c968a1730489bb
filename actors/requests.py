"""What clients may ask of a session, checked before anything is started for it."""

from __future__ import annotations

import re

from ..config.models import ExecutionConfig
from ..engine.launcher import ARGUMENT_LIMIT, Argv, Command, LoginShell, Program, Sftp
from ..engine.raw_text import quoted
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

_LONGEST_NAME = 64
SFTP = "sftp"
_INTERNAL_SFTP = "internal-sftp"


def check_env(name: str, value: str) -> None:
    """Raise RefusedError unless the variable can be given to a program."""
    if not name or "=" in name or "\0" in name or "\0" in value or not _has_bytes(name + value):
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
            return Argv((*shell, "-c", command)) if shell else Command(command)
        case RunSubsystem(name, arguments):
            return _subsystem(name, arguments, execution)


def check_subsystem(name: str, execution: ExecutionConfig) -> None:
    """Raise RefusedError unless there is such a subsystem."""
    if name != SFTP and name not in execution.subsystems:
        raise RefusedError(refuse(Code.SUBSYSTEM_UNKNOWN, f"subsystem {name[:_LONGEST_NAME]!r} is not configured"))


def internal_sftp(command: str) -> tuple[str, ...] | None:
    """Return the options of sshd's own sftp (sshd_config(5), ForceCommand), None for another command."""
    words = re.split("[ \t]+", command.strip(" \t"))
    return tuple(words[1:]) if words[0] == _INTERNAL_SFTP else None


def _subsystem(name: str, arguments: tuple[str, ...], execution: ExecutionConfig) -> Program:
    check_subsystem(name, execution)
    configured = execution.subsystems.get(name)
    if not configured:
        return Sftp(arguments)
    options = internal_sftp(configured)
    if options is not None:
        return Sftp((*options, *arguments))
    return Command(" ".join((configured, *map(quoted, arguments))))


def _check_command(command: str) -> None:
    if "\0" in command:
        raise RefusedError(refuse(Code.COMMAND_INVALID, "NUL in an exec request"))
    if not _has_bytes(command):
        raise RefusedError(refuse(Code.COMMAND_INVALID, "half a surrogate pair in an exec request"))
    if len(_encoded(command)) > ARGUMENT_LIMIT:
        raise RefusedError(refuse(Code.COMMAND_TOO_LONG, f"an exec request of {len(command)} characters"))


def _has_bytes(text: str) -> bool:
    """Whether there are bytes that the text stands for: a program may pass on half a surrogate pair."""
    try:
        _encoded(text)
    except UnicodeEncodeError:
        return False
    return True


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
