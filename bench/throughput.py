"""Bulk bytes, out of a program and into it, by write size and cipher."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial

from .carriers import pipe_in, pipe_out, stream_in, stream_out
from .rig import Rig, Server
from .series import Chapter, Claim, Floor, measure
from .ssh_client import CIPHER, SshClient

PART = "bytes"
_MIB = 1024 * 1024
_CHACHA = "chacha20-poly1305@openssh.com"
_STREAM, _PIPES = "engine's stream alone", "named pipes alone"


@dataclass(frozen=True, slots=True)
class _Load:
    """So many bytes one way. The same programs with the same write size run everywhere: in a container, under sshd."""

    outward: bool
    block: int
    size: int
    cipher: str
    aimed_at: bool

    @property
    def command(self) -> str:
        if self.outward:
            return f"dd if=/dev/zero bs={self.block} count={self.size // self.block} 2>/dev/null"
        return f"dd of=/dev/null bs={self.block} 2>/dev/null"

    @property
    def label(self) -> str:
        block = "1 MiB" if self.block == _MIB else "4 KiB"
        return f"{'out' if self.outward else 'in'}, {block}, {self.cipher.partition('-')[0]}"


def byte_chapters(rig: Rig, mebibytes: int, rounds: int) -> list[Chapter]:
    """Compare bytes through sshore with what their carrier and SSH allow one after the other.

    Every figure includes the start of its program.
    """
    with ExitStack() as stack:
        container = stack.enter_context(rig.raw_container_with_pipes())
        clients: dict[tuple[str, str], SshClient] = {}
        for server in [*rig.without_containers, *rig.sshore]:
            for cipher in (CIPHER, _CHACHA):
                client = server.client.with_cipher(cipher)
                stack.enter_context(client.opened())
                clients[server.name, cipher] = client
        return [_chapter(rig, container, clients, load, rounds) for load in _loads(mebibytes * _MIB)]


def _loads(size: int) -> Iterator[_Load]:
    for outward in (True, False):
        yield _Load(outward, _MIB, size, CIPHER, True)
        yield _Load(outward, 4096, size // 2, CIPHER, True)
        yield _Load(outward, _MIB, size, _CHACHA, False)


def _chapter(
    rig: Rig, place: tuple[str, str], clients: dict[tuple[str, str], SshClient], load: _Load, rounds: int
) -> Chapter:
    servers = [rig.sshd, *rig.sshore]
    timed: dict[str, Callable[[], float]] = dict(_alone(rig, place, load))
    bare_command = f"zeros {load.size}" if load.outward else "sink"
    for server, command in [(rig.quick, bare_command), *((server, load.command) for server in servers)]:
        timed[server.name] = partial(_through_ssh, clients[server.name, load.cipher], load, command)
    subjects = {name: partial(_rate, load.size, seconds) for name, seconds in timed.items()}
    series = measure(subjects, unit="MB/s", rounds=rounds)
    floors, claims = {}, []
    bare, sshd = series[rig.quick.name].median, series[rig.sshd.name].median
    for server in rig.sshore:
        limit = _limit(server, series[_PIPES].median, series[_STREAM].median, bare)
        floors[server.name] = limit
        own = series[server.name].median
        aim = ("≥ 0.9", "", 4) if load.aimed_at else ()
        claims.append(Claim(f"{server.name} / limit {limit.value:.0f} MB/s by {limit.name}", own / limit.value, *aim))
        claims.append(Claim(f"{server.name} / sshd", own / sshd))
    title = f"Bytes {load.label}: {load.size // _MIB} MiB"
    return Chapter(title, list(series.values()), claims, PART, load.label, floors)


def _alone(rig: Rig, place: tuple[str, str], load: _Load) -> Iterator[tuple[str, Callable[[], float]]]:
    container, inside = place
    by_stream, by_pipe = (stream_out, pipe_out) if load.outward else (stream_in, pipe_in)
    yield _STREAM, partial(by_stream, rig, container, load.command, load.size)
    yield _PIPES, partial(by_pipe, rig, container, inside, load.command, load.size)


def _limit(server: Server, pipes: float, stream: float, bare: float) -> Floor:
    by_pipes = bool(server.flavour and server.flavour.pipes)
    carrier = pipes if by_pipes else stream
    return Floor("pipes" if by_pipes else "stream", 1 / (1 / carrier + 1 / bare))


def _rate(size: int, seconds: Callable[[], float]) -> float:
    return size / 1e6 / seconds()


def _through_ssh(client: SshClient, load: _Load, command: str) -> float:
    if load.outward:
        return client.shared(command)
    dd = ["dd", "if=/dev/zero", f"bs={load.block}", f"count={load.size // load.block}", "status=none"]
    with subprocess.Popen(dd, stdout=subprocess.PIPE) as source:
        assert source.stdout is not None
        return client.shared(command, stdin=source.stdout)
