"""Commands one after another on one connection, as coding agents, ansible and git hooks send them."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial

from .open_connection import raw_command
from .rig import Rig, Server
from .series import Chapter, Claim, Floor, Subject, measure

PART = "row"
_RAW = "raw engine: exec create, start, first byte, end"
_REST = 0.6
"""Seconds before each row: what was used in the last one is replaced meanwhile."""
_PAUSE = 0.1
"""Seconds between the commands of a row with pauses."""
_FIRST_IN_PACE = 2
"""The command from which on a row's pace is known."""


def row_chapters(rig: Rig, commands: int, rounds: int) -> list[Chapter]:
    """Compare rows of so many commands, without a pause between them and with one."""
    with ExitStack() as stack:
        container = stack.enter_context(rig.raw_container())
        servers = [*rig.without_containers, *rig.sshore]
        for server in servers:
            stack.enter_context(server.client.opened())
        subjects: dict[str, Callable[[], float]] = {_RAW: partial(raw_command, rig, container)}
        subjects |= {server.name: partial(_true, server) for server in servers}
        return [_without_pauses(rig, subjects, commands, rounds), _with_pauses(rig, subjects, commands, rounds)]


def _without_pauses(rig: Rig, subjects: dict[str, Subject], commands: int, rounds: int) -> Chapter:
    def row(subject: Subject) -> float:
        time.sleep(_REST)  # nothing tells a client that the next shell waits
        return statistics.mean(subject() for _ in range(commands))

    title = "Commands back to back: `ssh -S … host true`, one of a row"
    return _chapter(rig, {name: partial(row, one) for name, one in subjects.items()}, rounds, title, "≤ 1.05")


def _with_pauses(rig: Rig, subjects: dict[str, Subject], commands: int, rounds: int) -> Chapter:
    def row(subject: Subject) -> float:
        time.sleep(_REST)  # nothing tells a client that the next shell waits
        figures = []
        for _ in range(_FIRST_IN_PACE + commands):
            time.sleep(_PAUSE)  # what is measured
            figures.append(subject())
        return statistics.mean(figures[_FIRST_IN_PACE:])

    title = "Commands with 100 ms between them: `ssh -S … host true`, from the third on"
    return _chapter(rig, {name: partial(row, one) for name, one in subjects.items()}, rounds, title, "≤ 1")


def _chapter(rig: Rig, rows: dict[str, Subject], rounds: int, title: str, aim: str) -> Chapter:
    series = measure(rows, unit="ms", rounds=rounds)
    floor = Floor("raw engine + bare asyncssh", series[_RAW].median + series[rig.quick.name].median)
    sshd, claims = series[rig.sshd.name].median, []
    for server in rig.sshore:
        own = series[server.name].median
        claims.append(Claim(f"{server.name} / ({floor.name})", own / floor.value, aim, "", 7))
        claims.append(Claim(f"{server.name} / sshd", own / sshd))
    floors = {one.name: floor for one in rig.sshore}
    return Chapter(title, list(series.values()), claims, PART, title.partition(":")[0].lower(), floors)


def _true(server: Server) -> float:
    return server.client.shared("true") * 1e3
