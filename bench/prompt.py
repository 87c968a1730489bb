"""A shell on a terminal: from nothing to its first byte."""

from __future__ import annotations

import time
from functools import partial

from .rig import Rig, Server
from .series import Chapter, Claim, Floor, measure

PART = "pty"
_RAW = "raw engine: create, attach, start, exec with a tty"


def prompt_chapters(rig: Rig, rounds: int) -> list[Chapter]:
    """Compare how long a user waits for his prompt."""
    servers = [*rig.without_containers, *rig.sshore]
    subjects = {_RAW: partial(_raw, rig)} | {server.name: partial(_prompt, rig, server) for server in servers}
    series = measure(subjects, unit="ms", rounds=rounds)
    raw, bare, sshd = (series[name].median for name in (_RAW, rig.quick.name, rig.sshd.name))
    floors = {"": Floor("bare asyncssh", bare)}
    claims = []
    for server in rig.sshore:
        own, pool = series[server.name].median, bool(server.flavour and server.flavour.pool)
        floor = floors[""] if pool else Floor("raw engine + bare asyncssh", raw + bare)
        floors[server.name] = floor
        claims.append(Claim(f"{server.name} / ({floor.name})", own / floor.value))
        claims.append(Claim(f"{server.name} / sshd", own / sshd, *(("≤ 0.15", "", 1) if pool else ())))
    title = "Login: a shell on a terminal, from nothing to its first byte"
    return [Chapter(title, list(series.values()), claims, PART, "login, shell on a terminal", floors)]


def _raw(rig: Rig) -> float:
    began = time.perf_counter()
    with rig.raw_container() as container:
        stream, said = rig.engine.exec(container, ["/bin/sh", "-c", 'exec "${SHELL:-sh}" -l'], tty=True)
        with stream:
            said = said or stream.recv(4096)
            elapsed = time.perf_counter() - began
    if not said:
        raise RuntimeError("the raw shell said nothing")
    return elapsed * 1e3


def _prompt(rig: Rig, server: Server) -> float:
    elapsed = server.client.prompt()
    rig.settle_behind_login(server)
    return elapsed
