"""The actor of one SSH connection. In connection mode it owns the container and the switch that ends it."""

from __future__ import annotations

from dataclasses import replace

from ..config.models import Mode, Pipes
from ..engine.control_shell import CONTROL_SHELL, HANGUP_SECONDS
from ..engine.errors import EngineError, NotFound
from ..engine.interface import ControlInput
from ..engine.turns import LONGEST_DELAY
from ..engine.types import (
    ContainerDied,
    ContainerGone,
    ContainerKilled,
    EventsLost,
    ImageInfo,
    MemoryExhausted,
)
from ..metrics.codes import Code
from .exec_shell import ExecShell
from .fate import Fate
from .guest import Guest, GuestMaker
from .messages import (
    Authenticated,
    CauseKnown,
    CauseOverdue,
    CauseWanted,
    ChannelClosed,
    ChildEnded,
    ChildFailed,
    ChildStarted,
    ContainerLost,
    ContainerReady,
    ContainerWanted,
    ControlLine,
    Disconnected,
    HangupOver,
    ImageFailed,
    ImageReady,
    PullNews,
    SiblingStarts,
)
from .naming import connection_labels, container_name
from .pool_client import PoolClient, RenameDue
from .pool_messages import GuestReady, NoGuest
from .ports import ConnectionPort
from .primed import PrimedShell, ProgramSpoke, ShellLost, ShellPrimed
from .priming import Priming, PrimingDue
from .ref import Ref, post
from .refusals import Refused, record, refuse
from .specs import program_user
from .surroundings import Surroundings
from .turn_messages import RemovalTurn, StartOverdue, StartTurn

_LONGEST_DYING = 2.0
# The engine tells of a kill once it has sent the signal: a program's end may overtake it.
_LATEST_KILL = 0.1
_CANNOT_RUN = (126, 127)


class ConnectionActor(GuestMaker):
    """Owns the sessions of a connection and, in connection mode, its container."""

    role = "connection"

    def __init__(self, surroundings: Surroundings, port: ConnectionPort, connection_id: str, client: str) -> None:
        super().__init__(surroundings.house.root, surroundings)
        self._port = port
        self._connection_id = connection_id
        self._client = client
        self._sessions: set[Ref] = set()
        self._waiting: list[ContainerWanted] = []
        self._pool = PoolClient(self.actor_ref, surroundings)
        self._priming = Priming(self.actor_ref, surroundings)
        self._shell: ControlInput | ExecShell | None = None
        self._shell_failed = False
        self._fate = Fate()
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
                self._priming.program_asked()
                self._make_room(session)
                self._answer(message)
            case ShellPrimed() if self.shells:
                self.shells.primed(message)
                self._prime()
            case ShellLost() if self.shells:
                self.shells.lost(message)
            case ProgramSpoke():
                self._priming.program_spoke()
            case PrimingDue(moment) if self._priming.is_due(moment):
                self._prime()
            case CauseWanted(session):
                self._tell_cause(session)
            case CauseOverdue(final):
                self._cause_overdue(final)
            case ControlLine(line, session):
                self._control_line(line)
                post(session, message)
            case Disconnected():
                self._disconnected()
            case GuestReady() if self._pool.answered() and not self._ending:
                self._take(message)
            case NoGuest() if self._pool.answered() and not self._ending:
                self.attempt(self.seek_image)
            case RenameDue() if self.container and not self._ending:
                self._pool.rename(self.container, self.log)
            case ImageReady() if not self._ending:
                self.attempt(self.image_present)
            case ImageFailed(refused) if not self._ending:
                self.refused(refused)
            case StartTurn() | StartOverdue() if not self._ending:
                self.attempt(lambda: self.turn_news(message))
            case RemovalTurn():
                self.end()
            case PullNews():
                for wanted in self._waiting:
                    post(wanted.session, message)
            case HangupOver() if self._sessions:
                self.drop_container()
            case ContainerKilled():
                self._fate.killed()
            case MemoryExhausted():
                self.log.info("memory_exhausted", code=Code.OUT_OF_MEMORY)
                self._fate.exhausted()
            case ContainerDied(code, oom):
                self._container_lost(self._cause_of(code, oom))
            case ContainerGone():
                self._container_lost(Code.CONTAINER_LOST)
            case EventsLost():
                if not self._container_lives():
                    self._container_lost(Code.CONTAINER_LOST)

    def image_at_hand(self, image: ImageInfo) -> None:
        labels = connection_labels(self.surroundings.labels, self._connection_id, self._client, self.username)
        name = container_name(self.execution.containername, self.username)
        try:
            guest = self.make_guest(image, name, labels)
        finally:
            self.give_turn_back()
        self.log.info("container_started", image=self.execution.image)
        self._settle(guest)

    def refused(self, refused: Refused) -> None:
        record(refused, "container_refused", self.log, self.metrics)
        self._refused = refused
        self._answer_all()

    def failed(self, error: BaseException) -> None:
        self._port.failed(refuse(Code.INTERNAL_ERROR, repr(error)))

    def release(self) -> None:
        for session in self._sessions:
            post(session, ChannelClosed())
        if self._shell:
            self._shell.close()
        try:
            super().release()
        finally:
            self._port.ended()

    def _adopt(self, session: Ref) -> None:
        self._sessions.add(session)
        if self._ending:
            post(session, ChannelClosed())

    def _authenticated(self, username: str) -> None:
        self.username = username
        if self.execution.mode is Mode.CONNECTION and not self._ending and not self._pool.ask():
            self.attempt(self.seek_image)

    def _take(self, ready: GuestReady) -> None:
        guest = ready.guest
        # The pool may be gone as soon as it is taken, and pass on no event any more.
        self.watch(guest.container.id)
        self.receive(guest)
        name = self._pool.take(ready, self.username)
        self.log = self.log.bind(container=guest.container.name)
        self.log.info("container_taken", image=self.execution.image, pooled=name)
        self._settle(guest)

    def _settle(self, guest: Guest) -> None:
        """Have the programs run in it."""
        container, own = guest.container, self.execution.idle_command
        self._shell = ExecShell(self.surroundings, container.id, CONTROL_SHELL) if own else guest.switch
        if container.pipes:
            container.pipes.holder = self.username
        pipes = None if self.execution.pipes is Pipes.OFF else container.pipes
        self._ready = ContainerReady(
            container.id, container.name, program_user(self.execution, guest.image), pipes=pipes
        )
        if guest.shells:
            self._priming.container_ready()
        self._answer_all()

    def _answer(self, wanted: ContainerWanted) -> None:
        if self._ending:
            post(wanted.session, refuse(Code.CONNECTION_ENDING, "the connection is ending"))
        elif self._ready and self.shells and wanted.terminal is not None:
            self.shells.take(wanted.terminal, lambda shell: self._hand_over(wanted.session, shell))
        elif self._ready or self._refused:
            post(wanted.session, self._ready or self._refused)
        else:
            self._waiting.append(wanted)

    def _answer_all(self) -> None:
        waiting, self._waiting = self._waiting, []
        for wanted in waiting:
            self._answer(wanted)

    def _hand_over(self, session: Ref, shell: PrimedShell | None) -> None:
        told = self._ready is not None and post(session, replace(self._ready, shell=shell))
        if shell and not told:
            shell.dismiss()
        if shell:
            self._priming.shell_given()

    def _prime(self) -> None:
        if self.shells and self._ready and not self._ending:
            self._priming.prime(self.shells)

    def _make_room(self, newcomer: Ref) -> None:
        for session in self._sessions - {newcomer}:
            post(session, SiblingStarts())

    def _control_line(self, line: str) -> None:
        if not self._shell or not self.container:
            # Its programs went with it.
            return
        try:
            self._shell.send_line(line, timeout=self.timeouts.signal)
        except EngineError as error:
            # Once: a client may send signals by the thousand to a container whose control shell its root has stopped.
            self._log_deaf_shell(error)

    def _log_deaf_shell(self, error: EngineError) -> None:
        log, self._shell_failed = self.log.debug if self._shell_failed else self.log.warning, True
        log("control_line_failed", code=error.code, cause=str(error))

    def _cause_of(self, exit_code: int, oom: bool) -> Code:
        if oom:
            return Code.OUT_OF_MEMORY
        init_could_not_run_it = not self.execution.idle_command and exit_code in _CANNOT_RUN
        return Code.IMAGE_WITHOUT_SHELL if init_could_not_run_it else Code.CONTAINER_LOST

    def _tell_cause(self, session: Ref) -> None:
        if self._ending:
            post(session, CauseKnown(None))
        elif not self._fate.ask(session):
            self.surroundings.house.timers.after(_LATEST_KILL, self.actor_ref, CauseOverdue())

    def _cause_overdue(self, final: bool) -> None:
        if not final and (self._fate.in_doubt or not self._container_lives()):
            self.surroundings.house.timers.after(_LONGEST_DYING, self.actor_ref, CauseOverdue(final=True))
        else:
            self._fate.spared()

    def _container_lives(self) -> bool:
        """Ask the engine; an engine that does not answer leaves it alive."""
        if not self.container:
            return True
        try:
            return self.engine.inspect_container(self.container.id, timeout=self.timeouts.http).running
        except NotFound:
            return False
        except EngineError:
            return True

    def _container_lost(self, code: Code) -> None:
        if self._ending or not self.container:
            return
        refused = refuse(code, "the container ended before its connection")
        record(refused, "container_lost", self.log, self.metrics, "warning")
        self._ready, self._refused = None, refused
        self._fate.lost(refused)
        for session in self._sessions:
            post(session, ContainerLost(refused))
        self.drop_container()
        self._port.failed(refused)

    def _disconnected(self) -> None:
        self._ending = True
        for session in self._sessions:
            post(session, ChannelClosed())
        self._answer_all()
        self.give_turn_back()
        if self._sessions and self.container:
            # Programs get HUP and a second; a session that does not get on with it holds nothing up.
            self.surroundings.house.timers.after(HANGUP_SECONDS, self.actor_ref, HangupOver())
        self._end_if_empty()

    def _end_if_empty(self) -> None:
        if self._ending and not self._sessions and self._may_remove():
            self.end()

    def _may_remove(self) -> bool:
        """Whether there is nothing to remove or nobody to give way to; if not, RemovalTurn follows."""
        if not self.container:
            return True
        if not self.turn:
            me = self.actor_ref
            self.turn = self.surroundings.house.turns.for_removal(lambda: post(me, RemovalTurn()))
            if not self.turn.at_once:
                self.surroundings.house.timers.after(LONGEST_DELAY, me, RemovalTurn())
        return self.turn.at_once
