"""A container from the choice of its name to the engine's word that it is gone."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

from ..config.models import Pipes
from ..engine import labels
from ..engine.errors import Conflict, EngineError, NotFound, TimedOut, Unavailable
from ..engine.interface import ControlInput
from ..engine.pipes.sharing import ContainerPipes
from ..engine.types import ContainerSpec
from .messages import RemoveLater
from .ref import post
from .specs import NETWORK, NETWORK_OPTIONS, with_mount
from .surroundings import Surroundings

_MISSING_NETWORK = re.compile(rf"network (?:with name or ID )?{NETWORK}\b.*not found", re.IGNORECASE)

SpecFor = Callable[[ContainerPipes | None], ContainerSpec]
"""What to create with named pipes, or without."""


class OwnedContainer:
    """One actor's container. Every method blocks on the engine and belongs to that actor's thread."""

    def __init__(self, surroundings: Surroundings, name: str, spec: SpecFor, begun: float, *, piped: bool) -> None:
        """`piped`: named pipes may carry what its programs say and hear."""
        self._surroundings = surroundings
        self._timeouts = surroundings.docker.timeouts
        self._engine = surroundings.engine
        self._spec = spec
        self._started = False
        self._former_name = ""
        self._piped = piped
        self.begun = begun
        """When it was decided to create it, in monotonic seconds."""
        self.name = name
        self.id = ""
        self.pipes: ContainerPipes | None = None
        """The directory of its named pipes, once it is created, if it has one."""

    def create(self) -> None:
        """Write the name down, then create, within what waiting for it has left of the time.

        Raises EngineError, and OSError where it cannot have the pipes it must.
        """
        self._surroundings.house.ledger.claim(self.name)
        self.pipes = self._own_pipes()
        if not self.pipes:
            self._create(self._spec(None))
            return
        try:
            self._create(with_mount(self._spec(self.pipes), self.pipes.mount))
        except EngineError as error:
            self._create_without_pipes(self.pipes, error)

    def hold_stdin(self) -> ControlInput:
        """Attach to the main process's stdin: the dead man's switch. Raises EngineError."""
        return self._engine.attach_control(self.id, timeout=self._timeouts.container_start)

    def start(self) -> None:
        """Start. Raises EngineError; one that `lacks_network` has taken the container along."""
        self._engine.start_container(self.id, timeout=self._timeouts.container_start)
        self._started = True
        self._surroundings.house.metrics.container_started(time.monotonic() - self.begun)

    def hand_over(self, surroundings: Surroundings, name: str) -> None:
        """Belong to another actor, with these surroundings, and have this name; `rename` tells the engine."""
        self._surroundings = surroundings
        self._timeouts = surroundings.docker.timeouts
        self._engine = surroundings.engine
        surroundings.house.ledger.claim(name)
        self._former_name, self.name = self.name, name

    def rename(self) -> None:
        """Tell the engine the name that it was given by `hand_over`. Raises EngineError: it may have either then."""
        self._engine.rename_container(self.id, self.name, timeout=self._timeouts.http)
        self._release_former_name()

    def dispose(self) -> None:
        """Remove it, or hand its name to the removal actor. Never raises EngineError."""
        self._drop_pipes()
        self._count_removed()
        try:
            self._engine.remove_container(self.id or self.name, timeout=self._timeouts.container_stop)
        except NotFound:
            if not self.id:
                self._leave_to_root()
                return
        except EngineError as error:
            level = "debug" if isinstance(error, Conflict) else "warning"
            getattr(self._surroundings.log, level)("container_removal_postponed", container=self.name, cause=str(error))
            self._leave_to_root()
            return
        self._surroundings.house.ledger.release(self.name)
        self._release_former_name()

    def leave_to_root(self) -> None:
        """Have the removal actor remove it. Does not block."""
        self._drop_pipes()
        self._count_removed()
        self._leave_to_root()

    def forsake(self, error: Exception) -> None:
        """Give up a container whose create failed: nothing is there, unless the answer was lost."""
        self._drop_pipes()
        if isinstance(error, TimedOut | Unavailable):
            self.dispose()
        else:
            self._surroundings.house.ledger.release(self.name)

    def _create(self, spec: ContainerSpec) -> None:
        left = self._timeouts.container_start - (time.monotonic() - self.begun)
        self.id = self._engine.create_container(spec, timeout=max(left, 0.0))

    def _create_without_pipes(self, pipes: ContainerPipes, error: EngineError) -> None:
        if not pipes.not_shared(error):
            raise error
        self._drop_pipes()
        self._create(self._spec(None))
        pipes.give_up(str(error))

    def _own_pipes(self) -> ContainerPipes | None:
        sharing, execution = self._surroundings.house.sharing, self._surroundings.docker.execution
        if not sharing or not self._piped or not execution.shares_directory:
            return None
        return sharing.for_container(self.name, must=execution.pipes is Pipes.ON)

    def _drop_pipes(self) -> None:
        pipes, self.pipes = self.pipes, None
        if pipes:
            pipes.remove()

    def _leave_to_root(self) -> None:
        for name in filter(None, (self.name, self._former_name)):
            post(self._surroundings.house.root, RemoveLater(name, may_come=not self.id, id=self.id))

    def _release_former_name(self) -> None:
        name, self._former_name = self._former_name, ""
        if name:
            self._surroundings.house.ledger.release(name)

    def _count_removed(self) -> None:
        if self._started:
            self._surroundings.house.metrics.container_removed()


def lacks_network(error: BaseException | None) -> bool:
    """Whether a create or a start failed because sshore's own network is not there."""
    return isinstance(error, EngineError) and bool(_MISSING_NETWORK.search(error.detail))


def make_network(surroundings: Surroundings) -> None:
    """Make sshore's own network unless it is there. Raises EngineError."""
    timeout = surroundings.docker.timeouts.http
    surroundings.engine.ensure_network(NETWORK, NETWORK_OPTIONS, {labels.PRESENT: "1"}, timeout=timeout)
