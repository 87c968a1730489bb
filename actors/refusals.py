"""The catalogue of what a user can be refused, and why.

Every refusal has a code (logs, metrics), a sentence for the user (no internals), and one for the operator.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..engine.errors import AccessDenied, EngineError, TimedOut, Unavailable

FAILED = 255
CANNOT_EXECUTE = 126


@dataclass(frozen=True, slots=True)
class Refused:
    """A request that was not carried out. `status` is the exit status that its channel reports."""

    code: str
    user: str
    operator: str
    status: int = FAILED


SENTENCES = {
    "IMAGE_NOT_FOUND": "The image for this session does not exist.",
    "IMAGE_PULL_FAILED": "The image for this session could not be fetched.",
    "CONTAINER_CREATE_FAILED": "Your container could not be created.",
    "CONTAINER_START_FAILED": "Your container could not be started.",
    "CONTAINER_LOST": "Your container has ended.",
    "OUT_OF_MEMORY": "Your container ran out of memory.",
    "PROGRAM_START_FAILED": "The program could not be started.",
    "STREAM_FAILED": "The connection to your program was lost.",
    "EXIT_UNKNOWN": "The program ended, but its exit status is not known.",
    "ENGINE_UNAVAILABLE": "Containers are not available at the moment, please try again later.",
    "ENGINE_TIMED_OUT": "Containers take too long at the moment, please try again later.",
    "ENGINE_ACCESS_DENIED": "Containers are not available at the moment, please try again later.",
    "EXEC_DISABLED": "Commands are not possible here, only shells and subsystems.",
    "COMMAND_TOO_LONG": "The command is too long: at most 131071 bytes are possible.",
    "COMMAND_INVALID": "The command contains a NUL byte.",
    "ENV_INVALID": "An environment variable's name is invalid.",
    "ENV_TOO_LARGE": "An environment variable is too large: at most 131071 bytes are possible.",
    "SUBSYSTEM_UNKNOWN": "This subsystem is not available.",
    "SIGNAL_UNKNOWN": "This signal is not known.",
    "REQUEST_OUT_OF_ORDER": "This request is not possible now.",
    "PROGRAM_ALREADY_STARTED": "This channel already has a program.",
    "NOT_AUTHENTICATED": "Sessions need a successful login first.",
    "CONNECTION_ENDING": "This connection is ending.",
    "INTERNAL_ERROR": "Something went wrong inside the server.",
}


class RefusedError(Exception):
    """Raised inside an actor or by the embedding API to refuse what was asked."""

    def __init__(self, refused: Refused) -> None:
        super().__init__(f"{refused.code}: {refused.operator}")
        self.refused = refused


def refuse(code: str, operator: str, *, status: int = FAILED) -> Refused:
    """Return the refusal of the catalogue's `code`; `operator` tells the cause, for the log only."""
    return Refused(code, f"{SENTENCES[code]} ({code})", operator, status)


def refuse_for(error: EngineError, otherwise: str) -> Refused:
    """Return the refusal for a failed engine call: the engine's own state if that is why, else the code `otherwise`."""
    general = isinstance(error, Unavailable | TimedOut | AccessDenied)
    return refuse(error.code if general else otherwise, str(error))
