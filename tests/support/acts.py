"""Short ways to bring a session's actor to a certain point."""

from __future__ import annotations

from typing import Any

from sshore.actors.container_session import ContainerSession
from sshore.actors.exec_session import ExecSession
from sshore.actors.messages import (
    CauseKnown,
    CauseWanted,
    ChannelClosed,
    ContainerWanted,
    HangupOver,
    RequestPty,
    RunExec,
    StreamOpened,
)
from sshore.actors.ref import Ref, post
from sshore.actors.refusals import Refused
from sshore.engine.fake.containers import FakeContainer, FakeExec

from .stage import Opening, Running, SessionDesk, Stage

PID = 7


class Act:
    """A session on the stage, its port, and what a loop would answer it."""

    def __init__(self, stage: Stage, ref: Ref, desk: SessionDesk) -> None:
        self.stage = stage
        self.ref = ref
        self.desk = desk

    def tell(self, *messages: object) -> None:
        for message in messages:
            assert post(self.ref, message)

    def settle(self) -> None:
        """Wait until all that was told so far was handled, what it told itself meanwhile, and its parent, too."""
        for _ in range(2):
            self.ref.proxy().state.get(timeout=10)
        self.stage.parent.proxy().use_daemon_thread.get(timeout=10)

    @property
    def state(self) -> Any:
        return self.ref.proxy().state.get(timeout=10)

    def leave(self) -> None:
        """Close the channel and let the second of a hang-up be over."""
        self.tell(ChannelClosed())
        post(self.ref, HangupOver())

    def opening(self) -> Opening:
        return self.desk.calls.wait_for(Opening)


class ExecAct(Act):
    """A session of connection mode, whose parent is the stage's witness."""

    def __init__(self, stage: Stage, *, timeouts: dict[str, Any] | None = None, **execution: Any) -> None:
        desk = SessionDesk()
        surroundings = stage.surroundings(timeouts=timeouts, **execution)
        super().__init__(stage, ExecSession.start(stage.parent, surroundings, desk), desk)

    def run(self, command: str = "cat", *, pty: RequestPty | None = None, user: str = "") -> None:
        """Ask for a program and let the connection's container be ready."""
        if pty:
            self.tell(pty)
        self.tell(RunExec(command))
        self.stage.told_parent.wait_for(ContainerWanted)
        self.tell(self.stage.idle_container(user))

    def open(self, command: str = "cat", *, pty: RequestPty | None = None) -> FakeExec:
        """Go on until the program runs, as far as the actor knows."""
        self.run(command, pty=pty)
        made = self.exec()
        self.tell(StreamOpened(PID))
        self.desk.calls.wait_for(Running)
        return made

    def explain(self, cause: Refused | None = None) -> None:
        """Answer its question whether its end is the container's."""
        self.stage.told_parent.wait_for(CauseWanted)
        self.tell(CauseKnown(cause))

    def exec(self) -> FakeExec:
        opening = self.opening()
        return next(one.execs[opening.id] for one in self.stage.engine.containers if opening.id in one.execs)


class ContainerAct(Act):
    """A session of session mode."""

    def __init__(self, stage: Stage, *, timeouts: dict[str, Any] | None = None, **execution: Any) -> None:
        desk = SessionDesk()
        surroundings = stage.surroundings(timeouts=timeouts, **{"mode": "session", **execution})
        ref = ContainerSession.start(stage.parent, surroundings, desk, "c0ffee", "192.0.2.1:2222", "alice")
        super().__init__(stage, ref, desk)

    def container(self) -> FakeContainer:
        opening = self.opening()
        return next(one for one in self.stage.engine.containers if one.id == opening.id)

    def open(self, command: str = "cat", *, pty: RequestPty | None = None) -> FakeContainer:
        """Go on until the container runs."""
        if pty:
            self.tell(pty)
        self.tell(RunExec(command))
        made = self.container()
        self.tell(StreamOpened(None))
        self.desk.calls.wait_for(Running)
        return made
