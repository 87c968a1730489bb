"""Dropbear's dbclient; OpenSSH's sftp speaks through it, as its manual proposes."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from conformance.commands import CommandProgram, check
from conformance.driver import Connection, Program, Screen
from support.server import USER, Server
from support.terminal import Terminal

_PIPE_SIZE = 1 << 20
"""Where the reader of its output is slow, the dbclient of 2022 never ends: not with sshd either, 21 times of 150."""


class Dropbear:
    """Debian's dropbear-bin, with the key and the known host of the server's clients."""

    def __init__(self, server: Server) -> None:
        folder = server.folder
        key = folder / "id.dropbear"
        if not key.exists():
            check(["dropbearconvert", "openssh", "dropbear", str(folder / "id"), str(key)])
            (folder / ".ssh").mkdir()
            _, kind, blob = (folder / "known_hosts").read_text().split()
            (folder / ".ssh" / "known_hosts").write_text(f"127.0.0.1 {kind} {blob}\n")
        self._argv = [
            "env",
            f"HOME={folder}",
            "dbclient",
            *("-i", str(key)),
            *("-p", str(server.port)),
            *("-l", USER),
            "127.0.0.1",
        ]

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        """Nothing is opened yet."""
        yield _Each(self._argv)


class _Each:
    def __init__(self, argv: list[str]) -> None:
        self._argv = argv

    def start(self, command: str, env: Mapping[str, str] | None = None) -> Program:
        assert not env
        return CommandProgram([*self._argv, command], pipe_size=_PIPE_SIZE)

    def screen(self, columns: int, rows: int) -> AbstractContextManager[Screen]:
        return Terminal(self._argv, columns, rows)

    def round_trip(self, source: Path, remote: str, target: Path) -> None:
        transport = shlex.join([*self._argv, "-s", "sftp"])
        batch = f"put {source} {remote}\nget {remote} {target}\n"
        check(["sftp", "-D", transport, "-b", "-"], stdin=batch.encode())
