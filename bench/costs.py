"""CPU seconds: of a server's own processes, and of the whole machine, for a connection and for a GB."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial

import psutil

from .processes import family
from .rig import Rig, Server
from .series import Chapter, Claim, Floor, Series, measure_both, ratio

PART = "cpu"
_BARE_OUT, _BARE_IN = "zeros {size}", "sink"
_OUT, _IN = "head -c {size} /dev/zero", "cat >/dev/null"
_GB = 1e9


def cost_chapters(rig: Rig, connections: int, mebibytes: int, rounds: int) -> list[Chapter]:
    """Compare what a login with a command costs, and what bytes in both directions do."""
    servers = [*rig.without_containers, *rig.sshore]
    logins = {server.name: partial(_logins, rig, server, connections) for server in servers}
    chapters = _chapters(rig, "a login and a command", "ms", logins, rounds)
    size = mebibytes * 1024 * 1024
    with ExitStack() as stack:
        for server in servers:
            stack.enter_context(server.client.opened())
        for way, act in (("out", _take), ("in", _give)):
            loads = {server.name: partial(act, server, size, server is rig.quick) for server in servers}
            chapters += _chapters(rig, f"a GB {way}", "s", loads, rounds)
    return chapters


def _chapters(
    rig: Rig, what: str, unit: str, subjects: dict[str, Callable[[], tuple[float, float]]], rounds: int
) -> list[Chapter]:
    own, machine = measure_both(subjects, unit=unit, rounds=rounds)
    return [
        _chapter(rig, f"CPU time of {what}: the server's own processes", f"{what}, server", own),
        _chapter(rig, f"CPU time of {what}: the whole machine, client and engine too", f"{what}, machine", machine),
    ]


def _chapter(rig: Rig, title: str, label: str, series: dict[str, Series]) -> Chapter:
    floor = Floor(rig.quick.name, series[rig.quick.name].median)
    sshd = series[rig.sshd.name].median
    claims = [Claim(f"{server.name} / sshd", ratio(series[server.name].median, sshd)) for server in rig.sshore]
    return Chapter(title, list(series.values()), claims, PART, label, {"": floor})


def _logins(rig: Rig, server: Server, connections: int) -> tuple[float, float]:
    def log_in() -> None:
        for _ in range(connections):
            server.client.cold("true")
        rig.settle(server)

    own, machine = _spent(server, log_in)
    return own / connections * 1e3, machine / connections * 1e3


def _take(server: Server, size: int, bare: bool) -> tuple[float, float]:
    command = (_BARE_OUT if bare else _OUT).format(size=size)
    own, machine = _spent(server, lambda: server.client.shared(command))
    return own / size * _GB, machine / size * _GB


def _give(server: Server, size: int, bare: bool) -> tuple[float, float]:
    def give() -> None:
        with subprocess.Popen(["head", "-c", str(size), "/dev/zero"], stdout=subprocess.PIPE) as source:
            server.client.shared(_BARE_IN if bare else _IN, stdin=source.stdout)

    own, machine = _spent(server, give)
    return own / size * _GB, machine / size * _GB


def _spent(server: Server, act: Callable[[], object]) -> tuple[float, float]:
    own, machine = _of_family(server.pid), _of_machine()
    act()
    return _of_family(server.pid) - own, _of_machine() - machine


def _of_family(pid: int) -> float:
    """Return the CPU seconds of a process, of those that descend from it, and of those that it has buried."""
    total = 0.0
    for member in family(pid):
        with contextlib.suppress(psutil.NoSuchProcess):
            total += sum(member.cpu_times()[:4])
    return total


def _of_machine() -> float:
    times = psutil.cpu_times()
    return float(times.user + times.nice + times.system)
