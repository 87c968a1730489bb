"""A container of connection mode that runs, and the actors that make one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..engine.errors import EngineError
from ..engine.interface import ControlInput
from ..engine.launcher import SHELL
from ..engine.types import ImageInfo
from ..metrics.codes import Code
from .container import OwnedContainer
from .owner import ContainerOwner
from .refusals import Refused, RefusedError, refuse, refuse_for
from .specs import idle_container


@dataclass(frozen=True, slots=True)
class Guest:
    """A started container, its held switch and its image: all that one actor hands to another with it."""

    container: OwnedContainer
    switch: ControlInput
    image: ImageInfo


class GuestMaker(ContainerOwner):
    """An actor that makes guests. What it has made is its own until `give_away`."""

    switch: ControlInput | None = None

    def make_guest(self, image: ImageInfo, name: str, labels: Mapping[str, str]) -> Guest:
        """Create a container that idles, hold its switch, start it. Raises RefusedError, with nothing left."""
        spec = idle_container(self.execution, name, labels)
        container = self.make_container(name, lambda pipes: spec, piped=True)
        try:
            self.switch = container.hold_stdin()
            container.start()
        except EngineError as error:
            self.let_switch_go()
            self.drop_container()
            raise RefusedError(self._start_failed(error)) from error
        return Guest(container, self.switch, image)

    def give_away(self) -> None:
        """The guest is somebody else's from now on."""
        self.container, self.switch = None, None

    def let_switch_go(self) -> None:
        """Let the idle program come to its end. Idempotent."""
        switch, self.switch = self.switch, None
        if switch:
            switch.close()

    def release(self) -> None:
        self.let_switch_go()
        super().release()

    def _start_failed(self, error: EngineError) -> Refused:
        if not self.execution.idle_command and f"{SHELL}: no such file" in error.detail:
            return refuse(Code.IMAGE_WITHOUT_SHELL, str(error))
        return refuse_for(error, Code.CONTAINER_START_FAILED)
