"""The guests between a pool and those who asked it."""

from __future__ import annotations

from dataclasses import dataclass

from ..engine.types import ContainerDied, ContainerGone, EngineEvent
from .guest import Guest
from .ref import Ref, post


@dataclass(slots=True)
class HandedOver:
    """A guest that an asker was given."""

    guest: Guest
    taken: bool = False
    died: bool = False


class HandOvers:
    """Who was given which guest, from GuestReady until he has ended. Belongs to the pool's thread; never raises."""

    def __init__(self) -> None:
        self._by_asker: dict[Ref, HandedOver] = {}

    @property
    def untaken(self) -> int:
        """How many are still the pool's."""
        return sum(not one.taken for one in self._by_asker.values())

    def add(self, asker: Ref, guest: Guest) -> None:
        """He may take it."""
        self._by_asker[asker] = HandedOver(guest)

    def taken(self, asker: Ref) -> None:
        """What he was given is his."""
        if asker in self._by_asker:
            self._by_asker[asker].taken = True

    def gone(self, asker: Ref) -> HandedOver | None:
        """He has ended; return what he did not take."""
        one = self._by_asker.pop(asker, None)
        return one if one and not one.taken else None

    def pass_on(self, id: str, event: EngineEvent) -> None:
        """Tell an event of the container to whom it was given: it came before he registered for them himself."""
        for asker, one in self._by_asker.items():
            if one.guest.container.id == id:
                post(asker, event)
                one.died |= isinstance(event, ContainerDied | ContainerGone)
