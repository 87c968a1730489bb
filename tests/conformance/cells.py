"""The cells of the suite: where a server runs, and which client talks to it."""

from __future__ import annotations

import itertools
from dataclasses import astuple, dataclass

from conformance.driver import CANNOT, Ability
from support.engines import BETWEEN, KINDS

MODES = ("connection", "session")
IMAGES = ("debian", "busybox")
CARRIERS = ("engine", "pipes")
CLIENTS = ("openssh", "asyncssh", "paramiko", "dropbear", "putty")
TEN_CODES = [0, 1, 2, 42, 126, 127, 128, 130, 254, 255]
ALL_CODES = range(256)


@dataclass(frozen=True, slots=True)
class Place:
    """What a server of the suite is started with."""

    mode: str
    engine: str
    image: str
    carrier: str
    """What carries the bytes of programs without a terminal."""

    @property
    def primed(self) -> bool:
        """Whether shells wait for programs: at half of the places, over every engine, image and carrier."""
        return IMAGES.index(self.image) != CARRIERS.index(self.carrier)


@dataclass(frozen=True, slots=True)
class Cell:
    """One client at one place."""

    place: Place
    client: str

    def __str__(self) -> str:
        return "-".join([*astuple(self.place), self.client])

    @property
    def values(self) -> tuple[str, ...]:
        """One value of each axis."""
        return (*astuple(self.place), self.client)


AXES = (MODES, KINDS, IMAGES, CARRIERS, CLIENTS)


PLACES = [
    Place(mode, engine, image, carrier)
    for engine, mode, image, carrier in itertools.product(KINDS, MODES, IMAGES, CARRIERS)
]


def all_cells() -> list[Cell]:
    """Every combination, those of one place behind each other and the places of one engine, too."""
    return [Cell(place, client) for place, client in itertools.product(PLACES, CLIENTS)]


def pairwise() -> list[Cell]:
    """Cells in which each pair of values of two axes is met: with every engine every client, at two places.

    Every engine but those of BETWEEN.

    The mode changes from client to client, and from engine to engine; whether mode and image, or mode and carrier,
    change in step or against each other changes with every second engine, for the one and the other not with the same.
    """
    chosen = {_pairing_cell(*pair) for pair in itertools.product(_ENDS, range(len(CLIENTS)))}
    return [cell for cell in all_cells() if cell in chosen]


_ENDS = [index for index, kind in enumerate(KINDS) if kind not in BETWEEN]


def _pairing_cell(engine: int, client: int) -> Cell:
    mode = (engine + client) % 2
    image = (mode + engine // 2) % 2
    carrier = (mode + (engine + 1) // 2) % 2
    return Cell(Place(MODES[mode], KINDS[engine], IMAGES[image], CARRIERS[carrier]), CLIENTS[client])


def exit_codes_of(cell: Cell) -> list[int]:
    """The exit codes that a cell looks at when all are looked at.

    All of them, or a fifth where each costs a container: the clients of a place share them out, each time anew.
    """
    if cell.place.mode == "connection" and (cell.client, Ability.CHANNELS) not in CANNOT:
        return list(ALL_CODES)
    mine = CLIENTS.index(cell.client) + PLACES.index(cell.place)
    return [code for code in ALL_CODES if (code - mine) % len(CLIENTS) == 0]
