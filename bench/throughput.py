"""Bulk bytes, out of a program and into it."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Callable

from .rig import Rig
from .series import Chapter, Claim, measure

_MIB = 1024 * 1024
_BUFFER = 256 * 1024


def throughput_chapters(rig: Rig, container: str, mebibytes: int, rounds: int) -> list[Chapter]:
    """Compare `mebibytes` through sshore with what the engine's stream and SSH allow one after the other.

    Every figure includes the start of its program.
    """
    size = mebibytes * _MIB
    out = f"dd if=/dev/zero bs=1M count={mebibytes} 2>/dev/null"
    return [
        _chapter(
            f"Bytes out: {mebibytes} MiB in writes of 1 MiB",
            {
                "raw engine (R)": lambda: _raw_out(rig, container, out, size),
                "bare asyncssh, from memory (A)": lambda: rig.bare.shared(f"zeros {size}"),
                "sshore": lambda: rig.sshore.shared(out),
            },
            size,
            rounds,
        ),
        _chapter(
            f"Bytes in: {mebibytes} MiB",
            {
                "raw engine (R)": lambda: _raw_in(rig, container, size),
                "bare asyncssh, to nowhere (A)": lambda: _with_zeros(size, rig.bare.shared, "sink"),
                "sshore": lambda: _with_zeros(size, rig.sshore.shared, "cat >/dev/null"),
            },
            size,
            rounds,
        ),
    ]


def _chapter(title: str, timed: dict[str, Callable[[], float]], size: int, rounds: int) -> Chapter:
    subjects = {name: _rate(seconds, size) for name, seconds in timed.items()}
    series = list(measure(subjects, unit="MB/s", rounds=rounds).values())
    raw, bare, sshore = (one.median for one in series)
    limit = 1 / (1 / raw + 1 / bare)
    claims = [Claim("limit 1/(1/R + 1/A)", limit, "", "MB/s"), Claim("sshore / limit", sshore / limit, "≥ 0.85")]
    return Chapter(title, series, claims)


def _rate(seconds: Callable[[], float], size: int) -> Callable[[], float]:
    return lambda: size / 1e6 / seconds()


def _raw_out(rig: Rig, container: str, command: str, size: int) -> float:
    began = time.perf_counter()
    stream, early = rig.engine.exec(container, ["/bin/sh", "-c", command])
    buffer, got = bytearray(_BUFFER), len(early)
    with stream:
        while count := stream.recv_into(buffer):
            got += count
    if got < size:
        raise RuntimeError(f"the raw program said {got} bytes, not {size}")
    return time.perf_counter() - began


def _raw_in(rig: Rig, container: str, size: int) -> float:
    began = time.perf_counter()
    stream, _ = rig.engine.exec(container, ["/bin/sh", "-c", "cat >/dev/null"])
    piece = bytes(_BUFFER)
    with stream:
        for _ in range(size // _BUFFER):
            stream.sendall(piece)
        stream.shutdown(socket.SHUT_WR)
        while stream.recv(4096):
            pass
    return time.perf_counter() - began


def _with_zeros(size: int, shared: Callable[..., float], command: str) -> float:
    source = subprocess.Popen(["head", "-c", str(size), "/dev/zero"], stdout=subprocess.PIPE)
    try:
        assert source.stdout is not None
        return shared(command, stdin=source.stdout)
    finally:
        source.kill()
        source.wait()
        if source.stdout:
            source.stdout.close()
