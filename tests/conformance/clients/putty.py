"""PuTTY's plink and psftp; one connection for several sessions is a shared one."""

from __future__ import annotations

import secrets
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from conformance.commands import CommandProgram, check
from conformance.driver import SECONDS, Connection, Program, Screen
from support.server import USER, Server
from support.terminal import Terminal

_PAUSE = 0.02


class Putty:
    """Debian's putty-tools, with the key and the known host of the server's clients."""

    def __init__(self, server: Server) -> None:
        self._folder = server.folder
        key = server.folder / "id.ppk"
        if not key.exists():
            check(["puttygen", str(server.folder / "id"), "-O", "private", "-o", str(key)])
        host_key = (server.folder / "known_hosts").read_text().split()[2]
        login = ["-i", str(key), "-P", str(server.port), "-l", USER]
        self._options = ["-batch", "-noagent", "-hostkey", host_key, *login]

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        """Start a plink that shares its connection with those that give the same name of the host."""
        sharing = ["-share", "-loghost", f"sshore-{secrets.token_hex(4)}"]
        argv = ["plink", *self._options, *sharing]
        process = subprocess.Popen(
            [*argv, "-N", "127.0.0.1"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        try:
            self._await_sharing(argv, process)
            yield _Shared(self._folder, self._options, sharing)
        finally:
            process.terminate()
            process.communicate(timeout=SECONDS)

    def _await_sharing(self, argv: list[str], process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + SECONDS
        while subprocess.run([*argv, "-shareexists", "127.0.0.1"], check=False).returncode:
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline, "nothing is shared"
            time.sleep(_PAUSE)


class _Shared:
    def __init__(self, folder: Path, options: list[str], sharing: list[str]) -> None:
        self._folder = folder
        self._options = options
        self._plink = ["plink", *options, *sharing]

    def start(self, command: str, env: Mapping[str, str] | None = None) -> Program:
        if not env:
            return CommandProgram([*self._plink, "127.0.0.1", command])
        settings = self._settings(env)
        argv = [self._plink[0], "-load", settings.name, *self._plink[1:], "127.0.0.1", command]
        return CommandProgram(argv, {"PUTTYSESSIONS": str(settings.parent)})

    def screen(self, columns: int, rows: int) -> AbstractContextManager[Screen]:
        return Terminal([*self._plink, "127.0.0.1"], columns, rows)

    def round_trip(self, source: Path, remote: str, target: Path) -> None:
        batch = self._folder / f"batch-{secrets.token_hex(4)}"
        batch.write_text(f"put {source} {remote}\nget {remote} {target}\n")
        # psftp takes the same options; it shares a connection only if saved settings say so.
        check(["psftp", *self._options, "-b", str(batch), "127.0.0.1"], stdin=b"")

    def _settings(self, env: Mapping[str, str]) -> Path:
        """A saved session with environment variables, for which there is no option."""
        settings = self._folder / f"session-{secrets.token_hex(4)}"
        settings.write_text("Environment=" + ",".join(f"{name}={value}" for name, value in env.items()) + "\n")
        return settings
