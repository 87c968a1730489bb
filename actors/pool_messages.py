"""What is told about containers that wait for users."""

from __future__ import annotations

from dataclasses import dataclass

from ..engine.types import EngineEvent
from .guest import Guest
from .ref import Ref
from .refusals import Refused
from .shape import Shape
from .surroundings import Surroundings


# To the root.
@dataclass(frozen=True, slots=True)
class PoolOrdered:
    """Have a pool with these surroundings, in place of the one before; None is no pool."""

    surroundings: Surroundings | None


@dataclass(frozen=True, slots=True)
class RestartPool:
    """The pool crashed a moment ago: start a new one."""


# A connection, through the root, and its answers.
@dataclass(frozen=True, slots=True)
class GuestWanted:
    """A connection asks for a container of this shape: exactly one of GuestReady and NoGuest follows.

    (A pool that crashes over it may say both; the first counts.)
    """

    asker: Ref
    shape: Shape


@dataclass(frozen=True, slots=True)
class GuestReady:
    """The asker may have this guest: it is his as soon as he says GuestTaken to the pool, and the pool's until then."""

    guest: Guest
    pool: Ref


@dataclass(frozen=True, slots=True)
class NoGuest:
    """There is none, start a container of your own."""


# To a pool.
@dataclass(frozen=True, slots=True)
class GuestTaken:
    """The guest that was handed to the asker is his."""

    asker: Ref


@dataclass(frozen=True, slots=True)
class AskerGone:
    """From the root: a connection has ended or crashed. What it did not take is the pool's."""

    asker: Ref


@dataclass(frozen=True, slots=True)
class GuestNews:
    """From the watcher: an event of the container `id`, which the pool had made."""

    id: str
    event: EngineEvent


@dataclass(frozen=True, slots=True)
class FillDue:
    """A pool's alarm: fill up what is missing."""

    moment: float


@dataclass(frozen=True, slots=True)
class LookDue:
    """See whether the waiting are still what a user should get."""


# To a pool's filling actor, and its answers.
@dataclass(frozen=True, slots=True)
class Fill:
    """Make one guest; the answer is Filled or FillFailed."""


@dataclass(frozen=True, slots=True)
class ShellsOverdue:
    """A filling actor to itself: shells have had time enough to begin to wait in the container."""

    container: str


@dataclass(frozen=True, slots=True)
class Filled:
    """A guest, `seconds` after it was ordered: the pool's as soon as that says GuestAccepted."""

    guest: Guest
    seconds: float


@dataclass(frozen=True, slots=True)
class GuestAccepted:
    """The guest is the pool's."""


@dataclass(frozen=True, slots=True)
class FillFailed:
    """There is no guest to be had."""

    refused: Refused


@dataclass(frozen=True, slots=True)
class Look:
    """Ask the engine for the image and for the pool's containers; the answer is Seen, or nothing.

    `subscription` is the last one to the engine's events that the pool has heard of.
    """

    subscription: int | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """The id of the image that a new container would have, None without one, and the ids of those that run.

    `subscription` is what Look said: it was looked behind that one's beginning.
    """

    image: str | None
    running: frozenset[str]
    subscription: int | None = None
