"""What connections (in connection mode) and sessions (in session mode) share: they own a container."""

from __future__ import annotations

import time
from abc import abstractmethod

from ..config.models import PullPolicy, RegistryAuthConfig
from ..engine.errors import EngineError, TimedOut
from ..engine.turns import Turn
from ..engine.types import EngineEvent, ImageInfo, RegistryAuth
from ..metrics.codes import Code
from .container import OwnedContainer, SpecFor
from .messages import ImageWanted
from .ref import Ref, post
from .refusals import Refused, RefusedError, refuse, refuse_for
from .surroundings import Surroundings
from .turn_messages import StartOverdue, StartTurn
from .worker import Worker


class Tenant(Worker):
    """An actor of a connection: it works on the connection's engine, configuration and log."""

    def __init__(self, parent: Ref | None, surroundings: Surroundings) -> None:
        super().__init__(parent, surroundings.log, surroundings.house.metrics)
        self.surroundings = surroundings
        self.engine = surroundings.engine
        self.execution = surroundings.docker.execution
        self.timeouts = surroundings.docker.timeouts

    def watch(self, engine_id: str) -> None:
        """Have the ends of an exec or container told to this actor."""
        me = self.actor_ref

        def told(event: EngineEvent) -> None:
            post(me, event)

        self.surroundings.house.watcher.watch(engine_id, told)


class ContainerOwner(Tenant):
    """An actor that gets itself an image and then a container, and loses it again whatever happens."""

    container: OwnedContainer | None = None
    username = ""
    turn: Turn | None = None
    """Its turn at the engine, or its place in the line."""
    _image: ImageInfo | None = None
    """What its container is to be made of, while it waits for its turn."""
    decided_at = 0.0
    """When (monotonic seconds) that was settled."""

    @abstractmethod
    def image_at_hand(self, image: ImageInfo) -> None:
        """The image is on the engine, and it is our turn: go on to the container. May raise RefusedError."""

    @abstractmethod
    def refused(self, refused: Refused) -> None:
        """There will be no container."""

    def seek_image(self) -> None:
        """Find the image, or ask for it to be fetched as the pull policy says; ImageReady or ImageFailed may follow."""
        if self.execution.image_pull_policy is PullPolicy.ALWAYS:
            self._want_image()
            return
        if self.execution.image_pull_policy is PullPolicy.NEVER:
            self.image_present()
            return
        try:
            image = self.engine.find_image(self.execution.image, self.execution.platform, timeout=self.timeouts.http)
        except EngineError as error:
            raise RefusedError(refuse_for(error, Code.IMAGE_NOT_FOUND)) from error
        if image:
            self._want_turn(image)
        else:
            self._want_image()

    def image_present(self) -> None:
        """The image has to be there by now: go on, or raise RefusedError."""
        try:
            image = self.engine.inspect_image(self.execution.image, timeout=self.timeouts.http)
        except EngineError as error:
            raise RefusedError(refuse_for(error, Code.IMAGE_NOT_FOUND)) from error
        self._want_turn(image)

    def turn_news(self, news: StartTurn | StartOverdue) -> None:
        """Start, or wait no longer for it; nothing if that has happened already. May raise RefusedError."""
        if not self._image or not self.turn:
            return
        match news:
            case StartTurn() if self.turn.has_come:
                image, self._image = self._image, None
                self.image_at_hand(image)
            case StartOverdue(turn) if turn is self.turn:
                self.turn_overdue(turn)

    def get_in_line(self) -> None:
        """Ask for a turn to start; StartTurn or StartOverdue follows, if it has not come at once. May raise."""
        self.await_turn(
            self.surroundings.house.turns.for_start(self.username, self.turn_came), self.timeouts.container_start
        )

    def await_turn(self, turn: Turn, seconds: float) -> None:
        """Go on if it has come at once; StartOverdue follows so many seconds later if not. May raise RefusedError."""
        self.turn = turn
        if turn.at_once:
            self.turn_news(StartTurn())
        else:
            self.surroundings.house.timers.after(seconds, self.actor_ref, StartOverdue(turn))

    def turn_came(self) -> None:
        """Any thread: have the actor told."""
        post(self.actor_ref, StartTurn())

    def turn_overdue(self, turn: Turn) -> None:
        """It was waited for as long as the call itself may take. Raises RefusedError."""
        self.give_turn_back()
        error = TimedOut("container_create", f"no turn within {self.timeouts.container_start:g} s")
        raise RefusedError(refuse_for(error, Code.CONTAINER_CREATE_FAILED))

    def give_turn_back(self) -> None:
        """Let others start, or leave the line. Idempotent."""
        self._image = None
        turn, self.turn = self.turn, None
        if turn:
            turn.give_back()

    def make_container(self, name: str, spec: SpecFor, *, piped: bool) -> OwnedContainer:
        """Create a container that this actor owns from now on, and has to `watch`. Raises RefusedError.

        `piped`: named pipes may carry what its programs say and hear.
        """
        container = OwnedContainer(self.surroundings, name, spec, self.decided_at, piped=piped)
        self.log = self.log.bind(container=container.name)
        try:
            container.create()
        except (EngineError, OSError, RefusedError) as error:
            container.forsake(error)
            raise _refused_create(error) from error
        self.container = container
        return container

    def drop_container(self) -> None:
        """Remove the container if there is one. Idempotent."""
        container, self.container = self.container, None
        if container:
            self.surroundings.house.watcher.forget(container.id)
            container.dispose()

    def release(self) -> None:
        try:
            self.drop_container()
        finally:
            self.give_turn_back()
            super().release()

    def _want_turn(self, image: ImageInfo) -> None:
        self._image, self.decided_at = image, time.monotonic()
        self.get_in_line()

    def _want_image(self) -> None:
        auth = self.execution.auth
        wanted = ImageWanted(
            asker=self.actor_ref,
            engine=self.engine,
            image=self.execution.image,
            platform=self.execution.platform,
            auth=_credentials(auth) if auth else None,
            only_if_missing=self.execution.image_pull_policy is PullPolicy.IF_NOT_PRESENT,
            timeout=self.timeouts.image_pull,
            stall=self.timeouts.image_pull_stall,
            asked_at=time.monotonic(),
        )
        post(self.surroundings.house.root, wanted)


def _refused_create(error: EngineError | OSError | RefusedError) -> RefusedError:
    match error:
        case EngineError():
            return RefusedError(refuse_for(error, Code.CONTAINER_CREATE_FAILED))
        case OSError():
            return RefusedError(refuse(Code.CONTAINER_CREATE_FAILED, f"no directory of pipes: {error}"))
        case RefusedError():
            return error


def _credentials(auth: RegistryAuthConfig) -> RegistryAuth:
    return RegistryAuth(
        username=auth.username,
        password=auth.password.get_secret_value(),
        server=auth.serveraddress,
        identity_token=auth.identitytoken.get_secret_value(),
        registry_token=auth.registrytoken.get_secret_value(),
    )
