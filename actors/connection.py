"""The actor of one SSH connection. In connection mode it owns the container and the switch that ends it."""

from __future__ import annotations

from collections.abc import Callable

from ..config.models import Mode
from ..engine.errors import EngineError, NotFound
from ..engine.interface import ControlInput
from ..engine.types import ContainerDied, ContainerGone, EventsLost, ImageInfo
from ..metrics.codes import Code
from .messages import (
    Authenticated,
    ChannelClosed,
    ChildEnded,
    ChildFailed,
    ChildStarted,
    ContainerLost,
    ContainerReady,
    ContainerWanted,
    ControlLine,
    Disconnected,
    ImageFailed,
    ImageReady,
    PullNews,
)
from .naming import connection_labels, container_name
from .owner import ContainerOwner
from .ports import ConnectionPort
from .ref import Ref, post
from .refusals import Refused, RefusedError, record, refuse, refuse_for
from .specs import idle_container
from .surroundings import Surroundings


class ConnectionActor(ContainerOwner):
    """Owns the sessions of a connection and, in connection mode, its container."""

    role = "connection"

    def __init__(self, surroundings: Surroundings, port: ConnectionPort, connection_id: str, client: str) -> None:
        super().__init__(surroundings.house.root, surroundings)
        self._port = port
        self._connection_id = connection_id
        self._client = client
        self._username = ""
        self._sessions: set[Ref] = set()
        self._waiting: list[Ref] = []
        self._control: ControlInput | None = None
        self._ready: ContainerReady | None = None
        self._refused: Refused | None = None
        self._ending = False

    @property
    def children(self) -> frozenset[Ref]:
        """The living sessions, for whoever walks the supervision tree."""
        return frozenset(self._sessions)

    def handle(self, message: object) -> None:
        match message:
            case ChildStarted(child):
                self._adopt(child)
            case ChildEnded(child) | ChildFailed(child, _):
                self._sessions.discard(child)
                self._end_if_empty()
            case Authenticated(username):
                self._authenticated(username)
            case ContainerWanted(session):
                self._answer(session)
            case ControlLine(line):
                self._control_line(line)
            case Disconnected():
                self._disconnected()
            case ImageReady() if not self._ending:
                self._attempt(self.image_present)
            case ImageFailed(refused) if not self._ending:
                self.refused(refused)
            case PullNews():
                for session in self._waiting:
                    post(session, message)
            case ContainerDied(_, oom):
                self._container_lost(oom)
            case ContainerGone():
                self._container_lost(oom=False)
            case EventsLost():
                self._look_after_container()

    def image_at_hand(self, image: ImageInfo) -> None:
        labels = connection_labels(self.surroundings.labels, self._connection_id, self._client, self._username)
        name = container_name(self.execution.containername, self._username)
        container = self.make_container(idle_container(self.execution, name, labels))
        try:
            self._control = container.hold_stdin()
            container.start()
        except EngineError as error:
            self.drop_container()
            raise RefusedError(refuse_for(error, Code.CONTAINER_START_FAILED)) from error
        self.log.info("container_started", image=self.execution.image)
        self._ready = ContainerReady(
            container.id, container.name, str(self.execution.container.get("User") or image.user)
        )
        self._answer_all()

    def refused(self, refused: Refused) -> None:
        record(refused, "container_refused", self.log, self.metrics)
        self._refused = refused
        self._answer_all()

    def failed(self, error: BaseException) -> None:
        self._port.failed(refuse(Code.INTERNAL_ERROR, repr(error)))

    def release(self) -> None:
        for session in self._sessions:
            post(session, ChannelClosed())
        control, self._control = self._control, None
        if control:
            control.close()
        try:
            super().release()
        finally:
            self._port.ended()

    def _adopt(self, session: Ref) -> None:
        self._sessions.add(session)
        if self._ending:
            post(session, ChannelClosed())

    def _authenticated(self, username: str) -> None:
        self._username = username
        if self.execution.mode is Mode.CONNECTION and not self._ending:
            self._attempt(self.seek_image)

    def _attempt(self, step: Callable[[], None]) -> None:
        try:
            step()
        except RefusedError as error:
            self.refused(error.refused)

    def _answer(self, session: Ref) -> None:
        if self._ending:
            post(session, refuse(Code.CONNECTION_ENDING, "the connection is ending"))
        elif self._ready or self._refused:
            post(session, self._ready or self._refused)
        else:
            self._waiting.append(session)

    def _answer_all(self) -> None:
        waiting, self._waiting = self._waiting, []
        for session in waiting:
            self._answer(session)

    def _control_line(self, line: str) -> None:
        if self._ending or not self.container:
            # Its programs go, or went, with it.
            return
        if not self._control or self.execution.idle_command:
            self.log.info("control_shell_missing", line=line)
            return
        try:
            self._control.send_line(line, timeout=self.timeouts.signal)
        except EngineError as error:
            self.log.warning("control_line_failed", code=error.code, cause=str(error))

    def _look_after_container(self) -> None:
        if not self.container:
            return
        try:
            alive = self.engine.inspect_container(self.container.id, timeout=self.timeouts.http).running
        except NotFound:
            alive = False
        except EngineError:
            return
        if not alive:
            self._container_lost(oom=False)

    def _container_lost(self, oom: bool) -> None:
        if self._ending or not self.container:
            return
        refused = refuse(
            Code.OUT_OF_MEMORY if oom else Code.CONTAINER_LOST, "the container ended before its connection"
        )
        record(refused, "container_lost", self.log, self.metrics, "warning")
        self._ready, self._refused = None, refused
        for session in self._sessions:
            post(session, ContainerLost(oom))
        self.drop_container()
        self._port.failed(refused)

    def _disconnected(self) -> None:
        self._ending = True
        for session in self._sessions:
            post(session, ChannelClosed())
        self._answer_all()
        self.drop_container()
        self._end_if_empty()

    def _end_if_empty(self) -> None:
        if self._ending and not self._sessions:
            self.end()
