"""Whether pipes inside a container are as quick as ever while a server holds many sessions.

The kernel counts pipes' memory by user, and gives a user who has much of it small ones only.
"""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial

from .rig import Rig, Server
from .series import Chapter, Claim, Floor, measure, ratio

PART = "pipes"
_MIB = 1024 * 1024
_NOBODY = "with no sessions"
_FIRST = 2 * _MIB
_SESSION = f"head -c {_FIRST} /dev/zero; exec cat"


def pipe_chapters(rig: Rig, mebibytes: int, sessions: int, rounds: int) -> list[Chapter]:
    """Time `dd | cat` in a container, alone and beside so many sessions that have moved 2 MiB each."""
    command = f"dd if=/dev/zero bs=1M count={mebibytes} 2>/dev/null | cat >/dev/null"
    with ExitStack() as stack:
        container = stack.enter_context(rig.raw_container())
        subjects = {_NOBODY: partial(_piped, rig, container, command)}
        for server in rig.sshore:
            stack.enter_context(server.client.opened())
            subjects[server.name] = partial(_beside, rig, container, command, server, sessions)
        series = measure(subjects, unit="ms", rounds=rounds)
    floor = Floor(_NOBODY, series[_NOBODY].median)
    claims = [
        Claim(
            f"beside {server.name} / {_NOBODY}",
            ratio(series[server.name].median, floor.value),
            *(("≤ 1.1", "", 6) if server.flavour and server.flavour.pipes else ()),
        )
        for server in rig.sshore
    ]
    title = f"`dd bs=1M count={mebibytes} | cat >/dev/null` in a container, beside {sessions} sessions of a server"
    return [Chapter(title, list(series.values()), claims, PART, floors={"": floor})]


def _beside(rig: Rig, container: str, command: str, server: Server, sessions: int) -> float:
    with server.client.held(_SESSION, sessions, _FIRST):
        return _piped(rig, container, command)


def _piped(rig: Rig, container: str, command: str) -> float:
    """Let the container time it, as root: that is who the gateway's pipes are counted for."""
    timed = f'read -r began _ </proc/uptime; {command}; read -r ended _ </proc/uptime; echo "$began $ended"'
    stream, said = rig.engine.exec(container, ["/bin/sh", "-c", timed], tty=True, user="0")
    with stream:
        while data := stream.recv(4096):
            said += data
    began, ended = map(float, said.split())
    return (ended - began) * 1e3
