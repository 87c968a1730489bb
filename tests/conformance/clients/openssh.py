"""OpenSSH's ssh and sftp; one connection for several sessions is a control master."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from conformance.commands import CommandProgram, check
from conformance.driver import Connection, Program, Screen
from support.server import Server
from support.terminal import Terminal

_SENT = "-oSendEnv=CONFORMANCE_*"
# A session on a shared connection sends what its own and the master's options allow.


class OpenSsh:
    """Debian's openssh-client."""

    def __init__(self, server: Server) -> None:
        self._server = server

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        """Start a control master."""
        with self._server.master([_SENT]) as options:
            yield _Shared(self._server, options)


class _Shared:
    def __init__(self, server: Server, options: list[str]) -> None:
        self._server = server
        self._options = options

    def start(self, command: str, env: Mapping[str, str] | None = None) -> Program:
        return CommandProgram(self._server.ssh_argv(command, options=[*self._options, _SENT]), env)

    def screen(self, columns: int, rows: int) -> AbstractContextManager[Screen]:
        return Terminal(self._server.ssh_argv(options=[*self._options, "-tt"]), columns, rows)

    def round_trip(self, source: Path, remote: str, target: Path) -> None:
        ssh = ["-o", f"ControlPath={self._options[-1]}"]
        batch = f"put {source} {remote}\nget {remote} {target}\n"
        check(["sftp", *self._server.ssh_options, *ssh, "-b", "-", "sshore"], stdin=batch.encode())
