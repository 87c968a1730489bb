"""What podman's compatible API does otherwise than Docker's (measured with podman 4.3 and 5.4, Debian 12 and 13).

Beside what stands here: the events are called `exec_died`, `died` and `remove` (`events.py` knows both names), and an
exec that cannot start says so on stderr and ends with 126 or 127.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from .errors import Conflict, EngineError, NotFound
from .types import EngineEvent, EventsLost, ExecState, ProgramEnded

_CAUSES: dict[str, type[EngineError]] = {
    "container state improper": Conflict,
    "exec session state improper": Conflict,
    "that name is already in use": Conflict,
    "network not found": NotFound,
    "no such container": NotFound,
    # podman 5 keeps names in SQLite, and has no words of its own for a rename to one that is taken.
    "UNIQUE constraint failed: ContainerConfig.Name": Conflict,
}
_KILLED = 137
_COMPONENT = "Podman Engine"


def is_podman(version: Mapping[str, Any]) -> bool:
    """Whether an answer of Docker API "SystemVersion" is podman's."""
    return any(component.get("Name") == _COMPONENT for component in version.get("Components") or ())


def error_class(answer: object) -> type[EngineError] | None:
    """Return what the `cause` in an error's JSON means: podman answers 500 where Docker has a status of its own."""
    cause = answer.get("cause") if isinstance(answer, dict) else None
    return _CAUSES.get(cause) if isinstance(cause, str) else None


def never_started(exec_answer: Mapping[str, Any]) -> bool:
    """Whether an answer of Docker API "ExecInspect" is of an exec that was not started; Docker says no exit code."""
    return not exec_answer["Running"] and not exec_answer["CanRemove"]


class UnnamedEnds:
    """Finds out which exec ended: until podman 4.4 an `exec_died` says only in which container. Any thread.

    `inspect` asks the engine for the state of an exec.
    """

    def __init__(self, inspect: Callable[[str], ExecState]) -> None:
        self._inspect = inspect
        self._lock = threading.Lock()
        self._execs: dict[str, set[str]] = {}

    def created(self, container: str, exec_id: str) -> None:
        """Remember an exec; `container` is the id."""
        with self._lock:
            self._execs.setdefault(container, set()).add(exec_id)

    def gone(self, container: str) -> Iterator[tuple[str, EngineEvent]]:
        """Yield the ends of what still ran in a container that was removed: of those nothing may be said at all."""
        with self._lock:
            execs = self._execs.pop(container, set())
        for exec_id in execs:
            yield exec_id, ProgramEnded(_KILLED)

    def find(self, container: str, said: EngineEvent) -> Iterator[tuple[str, EngineEvent]]:
        """Yield the ends that the engine knows of, else EventsLost for all; `said` is the event without a name."""
        with self._lock:
            execs = tuple(self._execs.get(container, ()))
        events = {exec_id: self._end(exec_id, said) for exec_id in execs}
        ended = {exec_id for exec_id, event in events.items() if isinstance(event, ProgramEnded)}
        with self._lock:
            self._execs.get(container, set()).difference_update(ended)
        for exec_id in ended or execs:
            yield exec_id, events[exec_id]

    def _end(self, exec_id: str, said: EngineEvent) -> EngineEvent:
        try:
            exit_code = self._inspect(exec_id).exit_code
        except NotFound:
            # It went with its container.
            return said
        except EngineError:
            return EventsLost()
        return EventsLost() if exit_code is None else ProgramEnded(exit_code)
