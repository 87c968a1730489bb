"""How a user is refused something: a code of the catalogue, its sentence, and the cause for the operator."""

from __future__ import annotations

from dataclasses import dataclass

from ..engine.errors import AccessDenied, EngineError, TimedOut, Unavailable
from ..metrics.codes import Code

FAILED = 255
CANNOT_EXECUTE = 126


@dataclass(frozen=True, slots=True)
class Refused:
    """A request that was not carried out. `status` is the exit status that its channel reports."""

    code: Code
    user: str
    operator: str
    status: int = FAILED


class RefusedError(Exception):
    """Raised inside an actor or by the embedding API to refuse what was asked."""

    def __init__(self, refused: Refused) -> None:
        super().__init__(f"{refused.code}: {refused.operator}")
        self.refused = refused


def refuse(code: Code, operator: str, *, status: int = FAILED) -> Refused:
    """Return the refusal of the catalogue's `code`; `operator` tells the cause, for the log only."""
    return Refused(code, f"{code.user} ({code})", operator, status)


def refuse_for(error: EngineError, otherwise: Code) -> Refused:
    """Return the refusal for a failed engine call: the engine's own state if that is why, else the code `otherwise`."""
    general = isinstance(error, Unavailable | TimedOut | AccessDenied)
    return refuse(error.code if general else otherwise, str(error))
