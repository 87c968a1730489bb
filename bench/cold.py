"""A first login: from nothing to the end of a command, each time in a fresh container."""

from __future__ import annotations

import time

from .rig import Rig
from .series import Chapter, Claim, measure

_RAW = "raw engine: create, attach, start, exec, first byte"
_BARE = "bare asyncssh: ssh host true"
_QUICK_BARE = "bare asyncssh with quick acknowledgements"
_SSHORE = "sshore: ssh host true"


def cold_chapter(rig: Rig, rounds: int) -> Chapter:
    """Compare a cold `ssh host true` with the sum of its parts."""

    def raw() -> float:
        began = time.perf_counter()
        with rig.raw_container() as container:
            stream, early = rig.engine.exec(container, ["/bin/sh", "-c", "echo hi"])
            with stream:
                first = early or stream.recv(4096)
                elapsed = time.perf_counter() - began
        if not first:
            raise RuntimeError("the raw program said nothing")
        return elapsed * 1e3

    def sshore() -> float:
        elapsed = rig.sshore.cold("true")
        rig.wait_for_no_container()
        return elapsed

    subjects = {
        _RAW: raw,
        _BARE: lambda: rig.bare.cold("true"),
        _QUICK_BARE: lambda: rig.quick_bare.cold("true"),
        _SSHORE: sshore,
    }
    series = measure(subjects, unit="ms", rounds=rounds)
    raw_ms, bare_ms, quick_ms, sshore_ms = (series[name].median for name in subjects)
    return Chapter(
        "Cold: a connection with a fresh container",
        list(series.values()),
        [
            Claim("sshore / (raw + bare)", sshore_ms / (raw_ms + bare_ms), "≤ 1.15"),
            Claim("sshore / (raw + bare with quick acknowledgements)", sshore_ms / (raw_ms + quick_ms), "≤ 1.15"),
        ],
    )
