"""The parts of a run, and how much of each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from . import (
    cold,
    costs,
    in_a_row,
    keystrokes,
    many,
    memory,
    open_connection,
    pipe_room,
    prompt,
    small_files,
    throughput,
)
from .rig import Rig
from .series import Chapter


@dataclass(frozen=True, slots=True)
class Extent:
    """How many rounds of each part, and how much in each of them. Bytes are in MiB."""

    logins: int
    commands: int
    row: int
    row_rounds: int
    files: int
    file_rounds: int
    byte_rounds: int
    mebibytes: int
    strikes: int
    rushes: tuple[int, ...]
    rush_rounds: int
    piped: int
    sessions: int
    pipe_rounds: int
    cost_rounds: int
    cost_logins: int
    before: int
    connections: int
    rest: float


FULL = Extent(
    logins=20,
    commands=40,
    row=10,
    row_rounds=10,
    files=500,
    file_rounds=7,
    byte_rounds=7,
    mebibytes=256,
    strikes=500,
    rushes=(1, 10, 50),
    rush_rounds=5,
    piped=1024,
    sessions=50,
    pipe_rounds=5,
    cost_rounds=5,
    cost_logins=10,
    before=10,
    connections=50,
    rest=2.0,
)
QUICK = Extent(
    logins=5,
    commands=10,
    row=5,
    row_rounds=4,
    files=200,
    file_rounds=3,
    byte_rounds=3,
    mebibytes=64,
    strikes=100,
    rushes=(1, 10),
    rush_rounds=2,
    piped=512,
    sessions=10,
    pipe_rounds=2,
    cost_rounds=2,
    cost_logins=2,
    before=2,
    connections=5,
    rest=1.0,
)
SMALLEST = Extent(
    logins=1,
    commands=2,
    row=2,
    row_rounds=1,
    files=10,
    file_rounds=1,
    byte_rounds=1,
    mebibytes=4,
    strikes=5,
    rushes=(2,),
    rush_rounds=1,
    piped=256,
    sessions=2,
    pipe_rounds=1,
    cost_rounds=1,
    cost_logins=1,
    before=1,
    connections=2,
    rest=0.1,
)

PARTS: dict[str, Callable[[Rig, Extent], list[Chapter]]] = {
    cold.PART: lambda rig, extent: cold.cold_chapters(rig, extent.logins),
    prompt.PART: lambda rig, extent: prompt.prompt_chapters(rig, extent.logins),
    open_connection.PART: lambda rig, extent: open_connection.open_chapters(rig, extent.commands),
    in_a_row.PART: lambda rig, extent: in_a_row.row_chapters(rig, extent.row, extent.row_rounds),
    small_files.PART: lambda rig, extent: small_files.file_chapters(rig, extent.files, extent.file_rounds),
    throughput.PART: lambda rig, extent: throughput.byte_chapters(rig, extent.mebibytes, extent.byte_rounds),
    keystrokes.PART: lambda rig, extent: keystrokes.keystroke_chapters(rig, extent.strikes),
    many.PART: lambda rig, extent: many.many_chapters(rig, extent.rushes, extent.rush_rounds),
    pipe_room.PART: lambda rig, extent: pipe_room.pipe_chapters(rig, extent.piped, extent.sessions, extent.pipe_rounds),
    costs.PART: lambda rig, extent: costs.cost_chapters(rig, extent.cost_logins, extent.mebibytes, extent.cost_rounds),
    memory.PART: lambda rig, extent: memory.memory_chapters(
        rig.image, rig.flavours, extent.before, extent.connections, extent.rest
    ),
}
