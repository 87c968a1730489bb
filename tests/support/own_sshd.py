"""OpenSSH's server, of the test's own, that lets this user in; and an `ssh` that knows it."""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncssh

from .certificates import LOOPBACK

_START_SECONDS = 10.0
_STOP_SECONDS = 10.0
_PAUSE = 0.02

_SSHD_CONFIG = """
ListenAddress {address}:{port}
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/user_key.pub
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
PermitRootLogin prohibit-password
MaxStartups 100
AcceptEnv LANG LC_*
"""
_SSH_CONFIG = """
IdentityFile {folder}/user_key
IdentitiesOnly yes
IdentityAgent none
UserKnownHostsFile {folder}/known_hosts
StrictHostKeyChecking yes
"""


class OwnSshd:
    """`port` is where it listens on loopback; `path` a PATH on which `ssh` is one that may log in there."""

    def __init__(self, folder: Path, more: str = "") -> None:
        """`more` are lines for its configuration."""
        self.user = getpass.getuser()
        self.port = _free_port()
        self.path = f"{folder}/bin:{os.environ['PATH']}"
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        for name in ("host_key", "user_key"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
        self.trust((folder / "host_key.pub").read_text())
        words = {"folder": folder, "address": LOOPBACK, "port": self.port}
        (folder / "sshd_config").write_text(_SSHD_CONFIG.format(**words) + more)
        (folder / "ssh_config").write_text(_SSH_CONFIG.format(**words))
        _write_script(folder / "bin" / "ssh", f'exec {shutil.which("ssh")} -F {folder}/ssh_config "$@"')

    def trust(self, host_key: str) -> None:
        """Make this the host key that the client expects."""
        (self._folder / "known_hosts").write_text(f"[{LOOPBACK}]:{self.port} {host_key}")

    def connect(self, **options: Any) -> Any:
        """An asyncssh client's connection."""
        defaults = {
            "username": self.user,
            "client_keys": [str(self._folder / "user_key")],
            "known_hosts": None,
            "agent_path": None,
            "config": None,
        }
        return asyncssh.connect(LOOPBACK, self.port, **(defaults | options))

    def start(self, umask: int = -1) -> None:
        """Start it, with this umask or the tests' own, and wait until it listens."""
        # Its helper processes need it, and only an init script makes it.
        Path("/run/sshd").mkdir(exist_ok=True)
        with (self._folder / "sshd.log").open("wb") as log:
            self._process = subprocess.Popen(
                ["/usr/sbin/sshd", "-D", "-e", "-f", self._folder / "sshd_config"],
                stdin=subprocess.DEVNULL,
                stderr=log,
                umask=umask,
            )
        deadline = time.monotonic() + _START_SECONDS
        while not _listens(self.port):
            assert self._process.poll() is None, (self._folder / "sshd.log").read_text()
            assert time.monotonic() < deadline
            time.sleep(_PAUSE)

    def stop(self) -> None:
        """End it; its connections end by themselves."""
        assert self._process is not None
        self._process.terminate()
        self._process.wait(_STOP_SECONDS)


@contextmanager
def own_sshd(folder: Path, more: str = "") -> Iterator[OwnSshd]:
    """One that runs as long as the block does."""
    server = OwnSshd(folder, more)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def _write_script(path: Path, command: str) -> None:
    path.parent.mkdir()
    path.write_text(f"#!/bin/sh\n{command}\n")
    path.chmod(0o755)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((LOOPBACK, port)) == 0


def _free_port() -> int:
    with socket.create_server((LOOPBACK, 0)) as probe:
        return int(probe.getsockname()[1])
