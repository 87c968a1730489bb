"""What every actor here has in common: it owns something, has a parent, and lets go whatever happens."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from pykka import ActorRegistry, ThreadingActor

from ..metrics.codes import Code
from ..metrics.counters import Metrics
from .log import Log
from .messages import ChildEnded, ChildFailed, ChildStarted
from .ref import Ref, post
from .refusals import RefusedError, refuse


class Worker(ThreadingActor):
    """An actor that is supervised.

    It tells its parent ChildStarted first and ChildEnded or ChildFailed last; where no parent lives any more it does
    nothing and ends. `release` is reached exactly once from every way out: `end`, a crash in a handler (BaseException
    included, which would otherwise stop every actor of the process), a failed start, a stop from outside. After it
    no message is handled any more. `start` raises RefusedError when there is no thread for it.
    """

    use_daemon_thread = True
    role: ClassVar[str]
    stops_itself: ClassVar[bool] = True
    """Whether it stops when it crashed. Else it does at its parent's word, the last that it gets from there."""

    def __init__(self, parent: Ref | None, log: Log, metrics: Metrics) -> None:
        super().__init__()
        self.parent = parent
        self.log = log
        self.metrics = metrics
        self._over = False
        # Told by whoever starts this actor, not by its own thread: what he tells the parent next finds it adopted.
        self._has_parent = parent is None or post(parent, ChildStarted(self.actor_ref))

    def started(self) -> None:
        """Begin; runs in the actor's thread before its first message."""

    def handle(self, message: object) -> None:
        """Do what the message says."""
        raise NotImplementedError

    def missed(self, message: object) -> None:
        """Answer a message that came after the end or whose handling was the end, where somebody waits for an answer.

        Must not raise.
        """

    def failed(self, error: BaseException) -> None:
        """Tell whoever waits outside the actors that this actor crashed."""

    def release(self) -> None:
        """Let go of everything that this actor owns."""

    def end(self) -> None:
        """Stop in good order: release, tell the parent, handle nothing more. Idempotent."""
        if not self._over:
            self._finish(None)
            self.stop()

    def _start_actor_loop(self) -> None:
        # Pykka has it registered by now, and the parent has been told of it.
        try:
            super()._start_actor_loop()
        except RuntimeError as error:
            self._over = True
            self.actor_stopped.set()
            ActorRegistry.unregister(self.actor_ref)
            self._tell_parent(None)
            raise RefusedError(refuse(Code.INTERNAL_ERROR, str(error))) from error

    def on_start(self) -> None:
        self.metrics.actor_started(self.role)
        if self._has_parent:
            self._guarded(self.started)
        else:
            self.end()

    def on_receive(self, message: object) -> None:
        if not self._over:
            self._guarded(lambda: self.handle(message))
        if not self._over:
            return
        if isinstance(message, ChildStarted):
            message.child.stop(block=False)
        else:
            self.missed(message)

    def on_stop(self) -> None:
        if not self._over:
            self._finish(None)

    def _guarded(self, step: Callable[[], None]) -> None:
        try:
            step()
        except BaseException as error:
            self.log.error("actor_failed", actor=self.role, code=Code.INTERNAL_ERROR, exc_info=error)
            self.metrics.actor_failed(self.role)
            self._finish(error)
            if self.stops_itself:
                self.stop()

    def _finish(self, error: BaseException | None) -> None:
        self._over = True
        try:
            if error is not None:
                self.failed(error)
        finally:
            error = self._release(error)
            self.metrics.actor_ended(self.role)
            self._tell_parent(error)

    def _release(self, error: BaseException | None) -> BaseException | None:
        try:
            self.release()
        except BaseException as second:
            self.log.error("actor_release_failed", actor=self.role, code=Code.INTERNAL_ERROR, exc_info=second)
            return error or second
        return error

    def _tell_parent(self, error: BaseException | None) -> None:
        word = ChildEnded(self.actor_ref) if error is None else ChildFailed(self.actor_ref, error)
        post(self.parent, word)
