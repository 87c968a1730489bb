"""The cells of the suite: where a server runs, and which client talks to it."""

from __future__ import annotations

import itertools
from dataclasses import astuple, dataclass

from support.engines import KINDS

MODES = ("connection", "session")
IMAGES = ("debian", "busybox")
CLIENTS = ("openssh", "asyncssh", "paramiko", "dropbear", "putty")


@dataclass(frozen=True, slots=True)
class Place:
    """What a server of the suite is started with."""

    mode: str
    engine: str
    image: str


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


AXES = (MODES, KINDS, IMAGES, CLIENTS)


def all_cells() -> list[Cell]:
    """Every combination, those of one place behind each other and the places of one engine, too."""
    places = [Place(mode, engine, image) for engine, mode, image in itertools.product(KINDS, MODES, IMAGES)]
    return [Cell(place, client) for place, client in itertools.product(places, CLIENTS)]


def pairwise() -> list[Cell]:
    """Cells in which each pair of values of two axes is met: with every engine every client, at two places.

    The mode changes from client to client, and from engine to engine; whether mode and image change in step or
    against each other changes with every second engine.
    """
    chosen = {_pairing_cell(*pair) for pair in itertools.product(range(len(KINDS)), range(len(CLIENTS)))}
    return [cell for cell in all_cells() if cell in chosen]


def _pairing_cell(engine: int, client: int) -> Cell:
    mode = (engine + client) % 2
    image = (mode + engine // 2) % 2
    return Cell(Place(MODES[mode], KINDS[engine], IMAGES[image]), CLIENTS[client])
