"""The shells that wait in one container: one with a terminal, one without."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..engine.errors import EngineError
from ..engine.pipes.sharing import ContainerPipes
from ..engine.primed_shell import primed_argv
from ..engine.types import ExecSpec
from ..metrics.counters import Metrics
from .primed import PrimedShell, ShellLost, ShellPrimed
from .ref import Ref
from .surroundings import Surroundings

_PATIENCE = 5.0
"""Seconds that an owner, who has users to answer, gives the engine for what nobody waits for."""
Taker = Callable[[PrimedShell | None], None]
"""Gets a shell that waits, or None: a plain exec has to do."""


@dataclass(slots=True)
class _Place:
    shell: PrimedShell
    waits: bool = False
    taker: Taker | None = None


class PrimedShells:
    """Keeps a container's shells for `owner`, who passes on ShellPrimed and ShellLost. Belongs to the owner's thread.

    Whoever has the container next takes them over by `move_to`. They end with the container.
    """

    def __init__(
        self, surroundings: Surroundings, owner: Ref, container_id: str, user: str, pipes: ContainerPipes
    ) -> None:
        """`user` is whom programs run as, `pipes` the container's own."""
        self._surroundings = surroundings
        self._owner = owner
        self._container_id = container_id
        self._user = user
        self._pipes = pipes
        self._places: dict[bool, _Place] = {}
        self._impossible: set[bool] = set()
        self._unheard: list[PrimedShell] = []

    def move_to(self, owner: Ref, surroundings: Surroundings) -> None:
        """They are somebody else's from now on, and used in his thread."""
        self._owner, self._surroundings = owner, surroundings
        for place in self._places.values():
            place.shell.owner = owner

    def prime(self) -> None:
        """Start the next one that is missing, unless one is on its way: execs wait for each other in the engine."""
        if all(place.waits for place in self._places.values()):
            missing = (tty for tty in (False, True) if tty not in self._places and tty not in self._impossible)
            any(self._start(tty) for tty in missing)

    @property
    def complete(self) -> bool:
        """Whether there is nothing to wait for: every shell that is possible waits."""
        return all(tty in self._impossible or self._waits(tty) for tty in (False, True))

    def take(self, tty: bool, taker: Taker) -> None:
        """Give the taker a shell, with a terminal or without, now or when it waits; None if there is none to come."""
        place = self._places.get(tty)
        if place is None or place.taker:
            taker(None)
        elif place.waits:
            self._remove(tty)
            taker(place.shell)
        else:
            place.taker = taker

    def primed(self, news: ShellPrimed) -> None:
        """A shell waits."""
        place = self._place_of(news.shell)
        if place is None:
            return
        place.waits = True
        self._metrics.shell_waits()
        self._surroundings.log.debug("shell_primed", tty=news.shell.tty)
        if place.taker:
            self._remove(news.shell.tty)
            place.taker(news.shell)

    def lost(self, news: ShellLost) -> None:
        """A shell ended. One that never waited never will: the image, or the terminal, does not allow it.

        Where one says what it should not, none is started any more.
        """
        place = self._place_of(news.shell)
        if place is None:
            return
        self._remove(news.shell.tty)
        self._surroundings.log.debug("shell_lost", tty=news.shell.tty)
        if news.babbles:
            self._impossible |= {False, True}
            self._unheard.append(news.shell)
        elif not place.waits:
            self._impossible |= {news.shell.tty, True}
        if place.taker:
            place.taker(None)

    def close(self) -> None:
        """Let them all go. Idempotent."""
        for tty, place in list(self._places.items()):
            self._remove(tty)
            place.shell.dismiss()
        for shell in self._unheard:
            shell.dismiss()

    @property
    def _metrics(self) -> Metrics:
        return self._surroundings.house.metrics

    def _remove(self, tty: bool) -> None:
        if self._places.pop(tty).waits:
            self._metrics.shell_left()

    def _waits(self, tty: bool) -> bool:
        place = self._places.get(tty)
        return place is not None and place.waits

    def _place_of(self, shell: PrimedShell) -> _Place | None:
        place = self._places.get(shell.tty)
        return place if place and place.shell is shell else None

    def _start(self, tty: bool) -> bool:
        """Return whether one is on its way; if not, there never will be one."""
        engine, timeout = self._surroundings.engine, self._surroundings.docker.timeouts.command_start
        order = self._pipes.make_order(self._user)
        if order is None:
            self._impossible.add(tty)
            self._surroundings.log.debug("shell_not_primed", tty=tty, cause="no FIFO for its order")
            return False
        spec = ExecSpec(argv=primed_argv(order.path, self._pipes.boot_id), user=self._user, tty=tty)
        try:
            exec_id = engine.create_exec(self._container_id, spec, timeout=min(timeout, _PATIENCE))
        except EngineError as error:
            order.remove()
            self._impossible.add(tty)
            self._surroundings.log.debug("shell_not_primed", tty=tty, cause=str(error))
            return False
        opener = self._surroundings.house.shells
        shell = opener.open_shell(engine.streams, exec_id, order, self._owner, tty=tty, timeout=timeout)
        self._places[tty] = _Place(shell)
        return True
