"""The engine's event stream, as the ends of execs and containers."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from .json_stream import JsonStream
from .labels import label_filter
from .podman import UnnamedEnds
from .types import (
    ContainerDied,
    ContainerGone,
    ContainerKilled,
    EngineEvent,
    EventsLost,
    MemoryExhausted,
    ProgramEnded,
)

_EXEC_ENDS = ("exec_die", "exec_died")
_ACTIONS = (*_EXEC_ENDS, "die", "died", "kill", "oom", "destroy", "remove")
"""Docker's names, and podman's where they differ."""
_OOM_LIMIT = 10_000


def event_filters(labels: Mapping[str, str]) -> str:
    """Return the `filters` of Docker API "SystemEvents" for the ends of what carries `labels`, and their causes."""
    return json.dumps({"type": ["container"], "event": list(_ACTIONS), "label": label_filter(labels)})


class DockerEvents:
    """An open event stream (`EventSubscription`). One thread iterates, any may close."""

    def __init__(self, stream: JsonStream, unnamed_ends: UnnamedEnds) -> None:
        self._stream = stream
        self._decoder = EventDecoder()
        self._unnamed_ends = unnamed_ends

    def __iter__(self) -> Iterator[tuple[str, EngineEvent]]:
        for message in self._stream:
            decoded = self._decoder.decode(message)
            match decoded:
                case "", event:
                    yield from self._unnamed_ends.find(message["Actor"]["ID"], event)
                case id, event:
                    if isinstance(event, ContainerGone):
                        yield from self._unnamed_ends.gone(id)
                    yield id, event

    def close(self) -> None:
        self._stream.close()


class EventDecoder:
    """Understands event messages in their order. Not for several threads."""

    def __init__(self) -> None:
        self._oom: dict[str, None] = {}

    def decode(self, message: Mapping[str, Any]) -> tuple[str, EngineEvent] | None:
        """Return (exec id or container id, event), None for a message about something else.

        No id comes where podman gives none.

        A message that lacks the exit code becomes EventsLost: whoever waits for it has to ask.
        """
        actor = message.get("Actor") or {}
        attributes = actor.get("Attributes") or {}
        action, container = message.get("Action"), actor.get("ID", "")
        if action in _EXEC_ENDS:
            exit_code = _exit_code(attributes)
            return attributes.get("execID", ""), _ended(exit_code)
        if action in ("die", "died"):
            return container, self._died(container, _exit_code(attributes))
        if action in ("destroy", "remove"):
            self._oom.pop(container, None)
            return container, ContainerGone()
        if action == "kill":
            return container, ContainerKilled(_number(attributes.get("signal")) or 0)
        if action == "oom":
            self._remember_oom(container)
            return container, MemoryExhausted()
        return None

    def _died(self, container: str, exit_code: int | None) -> EngineEvent:
        oom = container in self._oom
        return EventsLost() if exit_code is None else ContainerDied(exit_code, oom)

    def _remember_oom(self, container: str) -> None:
        # The message comes before the container's end, and without one when only an exec was killed.
        self._oom[container] = None
        if len(self._oom) > _OOM_LIMIT:
            del self._oom[next(iter(self._oom))]


def _ended(exit_code: int | None) -> EngineEvent:
    return EventsLost() if exit_code is None else ProgramEnded(exit_code)


def _exit_code(attributes: Mapping[str, str]) -> int | None:
    return _number(attributes.get("exitCode") or attributes.get("containerExitCode"))


def _number(text: str | None) -> int | None:
    try:
        return int(text or "")
    except ValueError:
        return None
