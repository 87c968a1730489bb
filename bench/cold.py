"""A login: from nothing to a command's first byte and to the client's exit, each time with a container of its own."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Mapping
from functools import partial

from .rig import Rig, Server
from .series import Chapter, Claim, Floor, Series, Timing, measure_both
from .ssh_client import Stdin

PART = "cold"
RAW = "raw engine: create, attach, start, exec"
_ECHO, _HI = "echo hi", b"hi\n"
_STDINS: Mapping[str, Stdin] = {"stdin stays open": None, "stdin at its end": subprocess.DEVNULL}


def cold_chapters(rig: Rig, rounds: int) -> list[Chapter]:
    """Compare `ssh host 'echo hi'` at all servers, with stdin open and at its end."""
    subjects: dict[str, Callable[[], Timing]] = {RAW: partial(raw_login, rig)}
    for how, stdin in _STDINS.items():
        for server in [rig.quick, rig.bare, rig.sshd, *rig.sshore]:
            subjects[_named(server, how)] = partial(_login, rig, server, stdin)
    first, end = measure_both(subjects, unit="ms", rounds=rounds)
    return [
        *(_exits(rig, how, end) for how in _STDINS),
        *(_first_bytes(rig, how, first) for how in _STDINS),
    ]


def raw_login(rig: Rig) -> Timing:
    """Do by hand what the engine has to do for a login, and remove the container."""
    began = time.perf_counter()
    with rig.raw_container() as container:
        stream, said = rig.engine.exec(container, ["/bin/sh", "-c", _ECHO])
        with stream:
            said = said or stream.recv(4096)
            first = time.perf_counter() - began
            while data := stream.recv(4096):
                said += data
        end = time.perf_counter() - began
    if b"hi" not in said:
        raise RuntimeError(f"the raw program said {said!r}")
    return Timing(first * 1e3, end * 1e3)


def _login(rig: Rig, server: Server, stdin: Stdin) -> Timing:
    timing = server.client.fresh(_ECHO, stdin=stdin, says=_HI)
    rig.settle_behind_login(server)
    return timing


def _named(server: Server, how: str) -> str:
    return f"{server.name}; {how}"


def _of(how: str, series: Mapping[str, Series]) -> dict[str, Series]:
    """Return what was measured with such a stdin, by the names of the subjects alone."""
    return {
        name.partition(";")[0]: Series(name.partition(";")[0], one.unit, one.values)
        for name, one in series.items()
        if name.endswith(how) or name == RAW
    }


def _exits(rig: Rig, how: str, measured: Mapping[str, Series]) -> Chapter:
    series = _of(how, measured)
    floors = _floors(rig, series)
    claims = [claim for server in rig.sshore for claim in _claims(rig, server, series, floors[server.name])]
    title = f"Login: `ssh host '{_ECHO}'` from nothing to the client's exit, {how}"
    return Chapter(title, list(series.values()), claims, PART, floors=floors)


def _first_bytes(rig: Rig, how: str, measured: Mapping[str, Series]) -> Chapter:
    series = _of(how, measured)
    title = f"Login: `ssh host '{_ECHO}'` from nothing to the first byte, {how}"
    return Chapter(title, list(series.values()), [], PART, f"login, {how}", _floors(rig, series))


def _floors(rig: Rig, series: Mapping[str, Series]) -> dict[str, Floor]:
    raw, bare = series[RAW].median, series[rig.quick.name].median
    floors = {"": Floor("bare asyncssh", bare)}
    for server in rig.sshore:
        if server.flavour and not server.flavour.pool:
            floors[server.name] = Floor("raw engine + bare asyncssh", raw + bare)
        else:
            floors[server.name] = floors[""]
    return floors


def _claims(rig: Rig, server: Server, series: Mapping[str, Series], floor: Floor) -> list[Claim]:
    own, sshd = series[server.name].median, series[rig.sshd.name].median
    if server.flavour and server.flavour.pool:
        return [
            Claim(f"{server.name} - {floor.name}", own - floor.value, "≤ 8 ms", "ms", 1),
            Claim(f"{server.name} / sshd", own / sshd, "≤ 0.1", "", 1),
        ]
    return [
        Claim(f"{server.name} / ({floor.name})", own / floor.value, "≤ 1.06", "", 2),
        Claim(f"{server.name} / sshd", own / sshd),
    ]
