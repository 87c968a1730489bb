"""The environment that a session's program is given, and which of the client's variables are in it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from ..actors.messages import RunExec, RunShell, RunSubsystem
from .key_options import KeyPermissions

# The container user's own, and the server's: no AcceptEnv of sshd's lets a client set them either.
_OTHERS_OWN = frozenset(("HOME", "LOGNAME", "PATH", "SHELL", "SSH_TTY", "USER"))
# What has a shell or the dynamic loader do something else before it comes to the program.
_HARMFUL = frozenset(("BASH_ENV", "ENV", "IFS", "SHELLOPTS"))
_LOADERS = "LD_"
# Debian's AcceptEnv. Others (PS4, GIT_SSH_COMMAND, PYTHONPATH) could have a forced command run another one.
_HARMLESS = re.compile(r"LANG|LC_\w+|COLORTERM|NO_COLOR", re.ASCII)
_MOST_NAMES_SHOWN = 20
_LONGEST_NAME_SHOWN = 40


@dataclass(frozen=True, slots=True)
class AcceptedNames:
    """Which names a client may set: all but a few, or those that match a pattern.

    `patterns` are sshd_config(5)'s AcceptEnv, with `*` and `?`; None accepts every name. `forced`: a command was
    chosen for the client, or none is allowed to him, so no variable may make the program another one.
    """

    patterns: tuple[str, ...] | None = None
    forced: bool = False

    def accept(self, name: str) -> bool:
        """Whether a client may set the variable of this name, which need not be a possible one."""
        if name in _OTHERS_OWN or name in _HARMFUL or name.startswith(_LOADERS):
            return False
        if self.forced and not _HARMLESS.fullmatch(name):
            return False
        return self.patterns is None or any(_matches(pattern, name) for pattern in self.patterns)


@dataclass(frozen=True, slots=True)
class SessionEnvironment:
    """Puts a session's environment together. `connection` is what the server knows of it (SSH_CLIENT and the like)."""

    accepted: AcceptedNames
    permissions: KeyPermissions
    connection: Mapping[str, str]

    def variables(
        self, given: Mapping[bytes, bytes], term: str | None, request: RunShell | RunExec | RunSubsystem
    ) -> dict[str, str]:
        """Return the program's variables: the client's, then the key's, then the server's, which win."""
        clients = {_text(name): _text(value) for name, value in given.items()}
        variables = {name: value for name, value in clients.items() if self.accepted.accept(name)}
        variables |= {**self.permissions.environment, **self.connection}
        if term is not None:
            # Empty it is unset by the launcher: not naming it would have Docker call a terminal `xterm`.
            variables["TERM"] = term
        if self.permissions.command is not None and isinstance(request, RunExec):
            variables["SSH_ORIGINAL_COMMAND"] = request.command
        return variables


class ShownNames:
    """Names for a line of the log, however many and long they are: the first ones, shortened, and how many more."""

    def __init__(self) -> None:
        self._shown: set[str] = set()
        self._more = 0

    def add(self, name: str) -> None:
        """One more."""
        if len(self._shown) < _MOST_NAMES_SHOWN:
            self._shown.add(name if len(name) <= _LONGEST_NAME_SHOWN else f"{name[:_LONGEST_NAME_SHOWN]}…")
        else:
            self._more += 1

    def __bool__(self) -> bool:
        return bool(self._shown)

    def __str__(self) -> str:
        return " ".join(sorted(self._shown)) + (f" and {self._more} more" if self._more else "")


def _matches(pattern: str, name: str) -> bool:
    # There are no brackets in sshd's patterns. Python's own matcher takes no more time for any long name.
    return fnmatchcase(name, pattern.replace("[", "[[]"))


def _text(value: bytes) -> str:
    return value.decode("utf-8", "surrogateescape")
