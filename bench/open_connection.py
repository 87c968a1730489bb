"""A command on a connection that is open already."""

from __future__ import annotations

import subprocess
import time
from contextlib import ExitStack
from functools import partial

from .rig import Rig, Server
from .series import Chapter, Claim, Floor, Subject, measure

PART = "open"
_RAW = "raw engine: exec create, start, first byte, end"
_ECHO = "echo hi"
_FROM_EMPTY = "ssh -n … 'echo hi'"
_FROM_OPEN = "ssh … 'echo hi', stdin stays open"
_CAT = "printf data | ssh … cat"
_ECHO_DATA = "ssh -n … 'echo data'"
_PAUSE = 0.2
"""Seconds before every command: a shell that was used is replaced behind it, which nobody else is to pay for."""


def open_chapters(rig: Rig, rounds: int) -> list[Chapter]:
    """Compare a command on an open connection, and however its stdin ends."""
    with ExitStack() as stack:
        container = stack.enter_context(rig.raw_container())
        for server in [*rig.without_containers, *rig.sshore]:
            stack.enter_context(server.client.opened())
        return [_commands(rig, container, rounds), *(_stdins(server, max(1, rounds // 2)) for server in rig.sshore)]


def _commands(rig: Rig, container: str, rounds: int) -> Chapter:
    servers = [*rig.without_containers, *rig.sshore]
    subjects: dict[str, Subject] = {_RAW: partial(raw_command, rig, container)}
    subjects |= {server.name: partial(_true, server) for server in servers}
    rested = {name: partial(_behind_a_pause, subject) for name, subject in subjects.items()}
    series = measure(rested, unit="ms", rounds=rounds, warmup=3)
    raw, bare = series[_RAW].median, series[rig.quick.name].median
    floors = {"": Floor("bare asyncssh", bare)}
    claims = []
    for server in rig.sshore:
        own = series[server.name].median
        if server.flavour and server.flavour.primed:
            floors[server.name] = floors[""]
            claims.append(Claim(f"{server.name} - bare asyncssh", own - bare, "≤ 4 ms", "ms", 3))
        else:
            floors[server.name] = Floor("raw engine + bare asyncssh", raw + bare)
            claims.append(Claim(f"{server.name} / (raw engine + bare asyncssh)", own / (raw + bare), "≤ 1.1", "", 3))
        claims.append(Claim(f"{server.name} / sshd", own / series[rig.sshd.name].median))
    title = "Open connection: `ssh -S … host true`"
    return Chapter(title, list(series.values()), claims, PART, "open connection, true", floors)


def _behind_a_pause(subject: Subject) -> float:
    time.sleep(_PAUSE)  # nothing tells a client that the next shell waits
    return subject()


def raw_command(rig: Rig, container: str) -> float:
    """Run a command by hand in a container that is there; return the milliseconds to its end."""
    began = time.perf_counter()
    stream, said = rig.engine.exec(container, ["/bin/sh", "-c", _ECHO])
    with stream:
        while data := stream.recv(4096):
            said += data
    if b"hi" not in said:
        raise RuntimeError(f"the raw program said {said!r}")
    return (time.perf_counter() - began) * 1e3


def _true(server: Server) -> float:
    return server.client.shared("true") * 1e3


def _stdins(server: Server, rounds: int) -> Chapter:
    """Compare what ends by itself with what ends because stdin does: neither may wait for a timer."""
    client = server.client
    subjects = {
        _FROM_EMPTY: lambda: client.shared(_ECHO, stdin=subprocess.DEVNULL, says=b"hi\n") * 1e3,
        _FROM_OPEN: lambda: client.shared(_ECHO, stdin=None, says=b"hi\n") * 1e3,
        _CAT: lambda: client.shared("cat", stdin=b"data", says=b"data") * 1e3,
        _ECHO_DATA: lambda: client.shared("echo data", stdin=subprocess.DEVNULL, says=b"data\n") * 1e3,
    }
    paused = {name: partial(_behind_a_pause, subject) for name, subject in subjects.items()}
    series = measure(paused, unit="ms", rounds=rounds, warmup=2)
    claims = [
        Claim("empty stdin - open stdin", series[_FROM_EMPTY].median - series[_FROM_OPEN].median, "≤ 20 ms", "ms"),
        Claim("cat - echo data", series[_CAT].median - series[_ECHO_DATA].median, "≤ 20 ms", "ms"),
    ]
    return Chapter(f"Open connection: however stdin ends; {server.name}", list(series.values()), claims, PART)
