"""What befell a connection's container, for the sessions that wonder why their program ended."""

from __future__ import annotations

import time

from ..metrics.codes import Code
from .messages import CauseKnown
from .ref import Ref, post
from .refusals import Refused, refuse

_OOM_SECONDS = 1.0
"""How long before a program's end its cause may have been told: the kernel tells both at once."""


class Fate:
    """Belongs to the connection's actor.

    The engine tells a cause before the ends that it has, or hardly later: programs are told to have ended before their
    container is, and a container still counts as running then.
    """

    def __init__(self) -> None:
        self._killed = False
        self._exhausted_at: float | None = None
        self._lost: Refused | None = None
        self._asking: list[Ref] = []

    def killed(self) -> None:
        """Somebody had the engine kill it: it may be about to die."""
        self._killed = True

    def exhausted(self) -> None:
        """Its memory was used up, and something in it killed."""
        self._exhausted_at = time.monotonic()

    def lost(self, refused: Refused) -> None:
        """It has ended, for this reason."""
        self._lost = refused
        self._answer(refused)

    def spared(self) -> None:
        """It lives on, as far as anybody knows."""
        self._killed = False
        self._answer(None)

    def ask(self, session: Ref) -> bool:
        """Answer CauseKnown at once, or return False if the container is to be looked at."""
        if self._lost:
            post(session, CauseKnown(self._lost))
        elif self._exhausted_at is not None and time.monotonic() - self._exhausted_at < _OOM_SECONDS:
            post(session, CauseKnown(refuse(Code.OUT_OF_MEMORY, "the kernel killed something in the container")))
        else:
            self._asking.append(session)
            return False
        return True

    @property
    def in_doubt(self) -> bool:
        """Whether it may be about to die."""
        return self._killed

    def _answer(self, refused: Refused | None) -> None:
        asking, self._asking = self._asking, []
        for session in asking:
            post(session, CauseKnown(refused))
