"""How a user is refused something: a code of the catalogue, its sentence, and the cause for the operator."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from ..engine.errors import AccessDenied, EngineError, TimedOut, Unavailable
from ..engine.errors import Refused as EngineRefused
from ..metrics.codes import Code
from ..metrics.counters import Metrics
from .log import Log

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
    """Return the refusal for a failed engine call: the engine's own state if that is why, else the code `otherwise`.

    Which call an engine refuses a program with, or says in its stream that it cannot begin, differs from one to the
    next; for the client it is a program that cannot be executed.
    """
    general = isinstance(error, Unavailable | TimedOut | AccessDenied)
    no_program = otherwise is Code.PROGRAM_START_FAILED and isinstance(error, EngineRefused)
    return refuse(error.code if general else otherwise, str(error), status=CANNOT_EXECUTE if no_program else FAILED)


def record(refused: Refused, event: str, log: Log, metrics: Metrics, level: str = "error") -> None:
    """Log a refusal as `event` and count it: the one place that does. Any thread."""
    getattr(log, level)(event, code=refused.code, cause=refused.operator)
    metrics.refused(refused.code)


@contextmanager
def recorded(event: str, log: Log, metrics: Metrics, level: str = "error") -> Iterator[None]:
    """Record a RefusedError that leaves the block."""
    try:
        yield
    except RefusedError as error:
        record(error.refused, event, log, metrics, level)
        raise
