"""A command on a connection that is open already."""

from __future__ import annotations

import subprocess
import time

from .rig import Rig
from .series import Chapter, Claim, measure

_RAW = "raw engine: exec create, start, first byte, end"
_BARE = "bare asyncssh: ssh -S ctl host true"
_SSHORE = "sshore: ssh -S ctl host true"

_ECHO = "echo hi"
_FROM_EMPTY = "ssh -n … 'echo hi'"
_FROM_OPEN = "ssh … 'echo hi', stdin stays open"
_CAT = "printf data | ssh … cat"
_ECHO_DATA = "ssh -n … 'echo data'"
_SAME_MS = 20.0


def exec_chapter(rig: Rig, container: str, rounds: int) -> Chapter:
    """Compare an exec through SSH with the same by hand; both in containers that run already."""

    def raw() -> float:
        began = time.perf_counter()
        stream, said = rig.engine.exec(container, ["/bin/sh", "-c", _ECHO])
        with stream:
            while data := stream.recv(4096):
                said += data
        if b"hi" not in said:
            raise RuntimeError(f"the raw program said {said!r}")
        return (time.perf_counter() - began) * 1e3

    subjects = {
        _RAW: raw,
        _BARE: lambda: rig.bare.shared("true") * 1e3,
        _SSHORE: lambda: rig.sshore.shared("true") * 1e3,
    }
    series = measure(subjects, unit="ms", rounds=rounds, warmup=3)
    raw_ms, bare_ms, sshore_ms = (series[name].median for name in subjects)
    claims = [
        Claim("sshore / raw", sshore_ms / raw_ms, "≤ 1.3"),
        Claim("sshore / (raw + bare)", sshore_ms / (raw_ms + bare_ms)),
    ]
    return Chapter("Open connection: a command", list(series.values()), claims)


def stdin_chapter(rig: Rig, rounds: int) -> Chapter:
    """Compare what ends by itself with what ends because stdin does: neither may wait for a timer."""
    subjects = {
        _FROM_EMPTY: lambda: rig.sshore.shared(_ECHO, stdin=subprocess.DEVNULL, says=b"hi\n") * 1e3,
        _FROM_OPEN: lambda: rig.sshore.shared(_ECHO, stdin=None, says=b"hi\n") * 1e3,
        _CAT: lambda: rig.sshore.shared("cat", stdin=b"data", says=b"data") * 1e3,
        _ECHO_DATA: lambda: rig.sshore.shared("echo data", stdin=subprocess.DEVNULL, says=b"data\n") * 1e3,
    }
    series = measure(subjects, unit="ms", rounds=rounds, warmup=2)
    aim = f"≤ {_SAME_MS:g} ms"
    claims = [
        Claim("empty stdin - open stdin", series[_FROM_EMPTY].median - series[_FROM_OPEN].median, aim, "ms"),
        Claim("cat - echo data", series[_CAT].median - series[_ECHO_DATA].median, aim, "ms"),
    ]
    return Chapter("Open connection: however stdin ends", list(series.values()), claims)
