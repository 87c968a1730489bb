"""What the suite asks of a client, and what each client cannot do."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol, runtime_checkable

SECONDS = 45.0
"""How long anything may take that the other side has to do."""


class Ability(StrEnum):
    """What not every client can do, in the words of docs/conformance.md."""

    ENVIRONMENT = "environment variables"
    SIGNALS = "signal requests"
    CHANNELS = "several sessions on one connection"


CANNOT = {
    ("openssh", Ability.SIGNALS): "ssh(1) has no option, escape or control command for them; its `~B` is a break",
    ("paramiko", Ability.SIGNALS): "`Channel` has no method for them",
    ("dropbear", Ability.SIGNALS): "dbclient(1) has no option or escape for them",
    ("dropbear", Ability.ENVIRONMENT): "dbclient(1) has no option for them, and sends none of its own",
    ("dropbear", Ability.CHANNELS): "dbclient runs one command and has no shared connections",
    ("putty", Ability.SIGNALS): "plink has no option for them: PuTTY's special commands are a menu of its windows",
}
"""The reason why a client is not asked for an ability; whatever is not here is tested."""


@dataclass(frozen=True, slots=True)
class Ended:
    """What a program left behind."""

    status: int
    stdout: bytes
    stderr: bytes


class Program(Protocol):
    """A program in a session without a terminal."""

    def write(self, data: bytes) -> None:
        """Write to its stdin at once; may wait for the other side to read."""

    def end_input(self) -> None:
        """Half-close: end its stdin."""

    def expect(self, text: bytes) -> bytes:
        """Wait for text on its stdout, behind what was waited for before; return what came in front of it."""

    def read(self, size: int) -> bytes:
        """Wait for so many further bytes of its stdout and return them."""

    def wait(self) -> Ended:
        """Wait for its end and the end of its output; return all of it."""


class Screen(Protocol):
    """A program on a terminal."""

    def type(self, text: str) -> None:
        """Type; `\\r` is the Enter key, `\\x03` Ctrl-C."""

    def expect(self, text: str) -> bytes:
        """Wait for text behind what was waited for before; return what came in front of it."""

    def resize(self, columns: int, rows: int) -> None:
        """Change the terminal's size."""

    def wait(self) -> int:
        """Wait for the program's end; return its status."""


@runtime_checkable
class Signalling(Protocol):
    """What programs and screens of a client with Ability.SIGNALS can do besides."""

    def signal(self, name: str) -> None:
        """Ask for a signal, named as RFC 4254 names it."""


class Connection(Protocol):
    """One SSH connection; of a client without Ability.CHANNELS a new one for each session."""

    def start(self, command: str, env: Mapping[str, str] | None = None) -> Program:
        """Run a command. `env` needs Ability.ENVIRONMENT; its names begin with `CONFORMANCE_`."""

    def screen(self, columns: int, rows: int) -> AbstractContextManager[Screen]:
        """Open a shell on a terminal of type `xterm`."""

    def round_trip(self, source: Path, remote: str, target: Path) -> None:
        """Put a file there and get it back, in one session of the subsystem `sftp`."""


class Client(Protocol):
    """A client that is set up for one server."""

    def connect(self) -> AbstractContextManager[Connection]:
        """Open a connection of its own."""


def run(connection: Connection, command: str, stdin: bytes = b"", env: Mapping[str, str] | None = None) -> Ended:
    """Run a command to its end, with all of its input at once."""
    program = connection.start(command, env)
    if stdin:
        program.write(stdin)
    program.end_input()
    return program.wait()
