"""Many small files: what counts is the way of one request of sftp and its answer, not the bytes."""

from __future__ import annotations

import secrets
import shutil
import time
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from .rig import Rig, Server
from .series import Chapter, Claim, measure

PART = "files"
_CIPHER = "chacha20-poly1305@openssh.com"
"""OpenSSH's first choice."""
_SIZE = 1000


def file_chapters(rig: Rig, files: int, rounds: int) -> list[Chapter]:
    """Compare `scp -r` of so many files, without the login."""
    with TemporaryDirectory(prefix="bench-files-") as name:
        folder = Path(name)
        source = folder / "small"
        source.mkdir()
        for number in range(files):
            (source / str(number)).write_bytes(secrets.token_bytes(_SIZE))
        servers = [rig.sshd, *rig.sshore]
        series = measure(
            {server.name: partial(_copy, server, source, folder) for server in servers}, unit="ms", rounds=rounds
        )
    for one in series.values():
        one.values[:] = [value / files for value in one.values]
    sshd = series[rig.sshd.name].median
    claims = [
        Claim(f"{server.name} / sshd", series[server.name].median / sshd, "≤ 1.6", "", 8) for server in rig.sshore
    ]
    title = f"Small files: `scp -r` of {files} files of {_SIZE} bytes, for each of them"
    return [Chapter(title, list(series.values()), claims, PART, "scp -r, one small file")]


def _copy(server: Server, source: Path, folder: Path) -> float:
    """Return the milliseconds for all of them, on a connection that is open."""
    client = server.client.with_cipher(_CIPHER)
    target = folder / "target" if server.flavour is None else Path("/tmp") / secrets.token_hex(6)
    with client.opened():
        client.shared("true")
        began = time.perf_counter()
        client.copy(source, target)
        elapsed = time.perf_counter() - began
    shutil.rmtree(target, ignore_errors=True)
    return elapsed * 1e3
