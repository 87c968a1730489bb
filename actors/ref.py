"""How to reach an actor."""

from __future__ import annotations

from typing import Any, TypeAlias

from pykka import ActorDeadError, ActorRef

Ref: TypeAlias = ActorRef[Any]


def post(actor: Ref | None, message: object) -> bool:
    """Tell an actor something if it still lives; return whether it did. Any thread, never blocks."""
    if actor is None:
        return False
    try:
        actor.tell(message)
    except ActorDeadError:
        return False
    return True
