"""A container of connection mode that runs, and the actors that make one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ..engine.errors import EngineError
from ..engine.interface import ControlInput
from ..engine.launcher import SHELL
from ..engine.types import ContainerSpec, ImageInfo
from ..metrics.codes import Code
from .container import OwnedContainer, lacks_network, make_network
from .owner import ContainerOwner
from .primed_shells import PrimedShells
from .refusals import Refused, RefusedError, refuse, refuse_for
from .specs import NETWORK, idle_container, program_user


@dataclass(frozen=True, slots=True)
class Guest:
    """A started container, its held switch, its image and its shells: all that one actor hands to another with it.

    `shells` are None where none may wait; `move_to` gives them to who has the guest.
    """

    container: OwnedContainer
    switch: ControlInput
    image: ImageInfo
    shells: PrimedShells | None = None

    def close(self) -> None:
        """Let go of what holds it; the container stays. Idempotent."""
        _close(self.shells, self.switch)


class GuestMaker(ContainerOwner):
    """An actor that makes guests. What it has made is its own until `give_away`."""

    switch: ControlInput | None = None
    shells: PrimedShells | None = None

    def attempt(self, step: Callable[[], None]) -> None:
        """Take the step; a RefusedError goes to `refused`."""
        try:
            step()
        except RefusedError as error:
            self.refused(error.refused)

    def make_guest(self, image: ImageInfo, name: str, labels: Mapping[str, str]) -> Guest:
        """Create a container that idles, hold its switch, start it. Raises RefusedError, with nothing left."""
        spec = idle_container(self.execution, name, labels)
        try:
            container, switch = self._run(name, spec)
        except RefusedError as error:
            if not lacks_network(error.__cause__):
                raise
            # Somebody has removed it (`docker network prune`), and the engine the container that could not be started.
            self.log.warning("network_missing", network=NETWORK)
            self._make_network()
            container, switch = self._run(name, spec)
        self.shells = self._shells_in(container, image)
        return Guest(container, switch, image, self.shells)

    def receive(self, guest: Guest) -> None:
        """The guest is this actor's from now on."""
        self.container, self.switch, self.shells = guest.container, guest.switch, guest.shells
        if self.shells:
            self.shells.move_to(self.actor_ref, self.surroundings)

    def give_away(self) -> None:
        """The guest is somebody else's from now on."""
        self.container, self.switch, self.shells = None, None, None

    def drop_guest(self) -> None:
        """Remove what it has made, as far as that got. Idempotent."""
        self._let_go()
        self.drop_container()

    def _run(self, name: str, spec: ContainerSpec) -> tuple[OwnedContainer, ControlInput]:
        container = self.make_container(name, lambda pipes: spec, piped=True)
        try:
            self.switch = container.hold_stdin()
            container.start()
        except EngineError as error:
            self.drop_guest()
            raise RefusedError(self._start_failed(error)) from error
        # Not before: the end of one that could not be started is no news of the next. Events wait for who asks.
        self.watch(container.id)
        return container, self.switch

    def _make_network(self) -> None:
        try:
            make_network(self.surroundings)
        except EngineError as error:
            raise RefusedError(refuse_for(error, Code.CONTAINER_START_FAILED)) from error

    def _let_go(self) -> None:
        switch, shells = self.switch, self.shells
        self.switch, self.shells = None, None
        _close(shells, switch)

    def release(self) -> None:
        self._let_go()
        super().release()

    def _shells_in(self, container: OwnedContainer, image: ImageInfo) -> PrimedShells | None:
        if not container.pipes or not self.execution.primed:
            return None
        user = program_user(self.execution, image)
        return PrimedShells(self.surroundings, self.actor_ref, container.id, user, container.pipes)

    def _start_failed(self, error: EngineError) -> Refused:
        if not self.execution.idle_command and f"{SHELL}: no such file" in error.detail:
            return refuse(Code.IMAGE_WITHOUT_SHELL, str(error))
        return refuse_for(error, Code.CONTAINER_START_FAILED)


def _close(shells: PrimedShells | None, switch: ControlInput | None) -> None:
    for held in (shells, switch):
        if held:
            held.close()
