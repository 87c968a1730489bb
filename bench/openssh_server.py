"""Debian's sshd beside us: its own process, port, host key and configuration; the system's are not touched."""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sshore.engine.launcher import SFTP_SERVERS

from .processes import free_port, process

_READY_SECONDS = 10.0
_PAUSE = 0.02
_PRIVILEGE_SEPARATION = Path("/run/sshd")
_CONFIGURATION = """
ListenAddress 127.0.0.1:{port}
HostKey {host_key}
AuthorizedKeysFile {authorized}
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
PermitRootLogin prohibit-password
PrintMotd no
PrintLastLog no
MaxStartups 1000
MaxSessions 1000
Subsystem sftp {sftp}
"""

USER = getpass.getuser()
"""Who may log in: nobody but its own user needs root."""


@contextmanager
def openssh_server(folder: Path, host_key: Path, authorized: Path) -> Iterator[tuple[int, int]]:
    """Serve; yield its process id and port once it listens. Its log is `sshd.log` in the folder."""
    program = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        raise SystemExit("Debian's sshd is measured beside sshore: sudo apt-get install openssh-server")
    if os.geteuid() == 0:
        # Its helper processes need it, and only an init script makes it.
        _PRIVILEGE_SEPARATION.mkdir(exist_ok=True)
    port, config, log_file = free_port(), folder / "sshd_config", folder / "sshd.log"
    # The same program as in the containers; sshd's own does it in its process.
    sftp = next((path for path in SFTP_SERVERS if os.access(path, os.X_OK)), "internal-sftp")
    config.write_text(_CONFIGURATION.format(port=port, host_key=host_key, authorized=authorized, sftp=sftp))
    with (
        log_file.open("wb") as log,
        process([program, "-D", "-e", "-f", str(config)], stdout=log, stderr=log) as started,
    ):
        deadline = time.monotonic() + _READY_SECONDS
        while not _listens(port):
            if started.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"sshd did not start:\n{log_file.read_text()}")
            time.sleep(_PAUSE)  # nothing tells of a port that begins to answer
        yield started.pid, port


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
