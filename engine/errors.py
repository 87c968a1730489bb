"""What an engine call can fail with. Foreign exceptions become these in one place, `translate.py`."""

from __future__ import annotations

from typing import ClassVar

from ..metrics.codes import Code


class EngineError(Exception):
    """A call to the Docker Engine failed; one of the classes below says how.

    `code` names the failure in metrics and logs, `permanent` says that the same call would fail again,
    `operation` is the call (`container_create`), `detail` the cause in the engine's or the system's own words
    (for the operator; never shown to a user).
    """

    code: ClassVar[Code]
    permanent: ClassVar[bool] = False

    def __init__(self, operation: str, detail: str) -> None:
        super().__init__(f"{operation}: {detail}")
        self.operation = operation
        self.detail = detail


class NotFound(EngineError):
    """The container, exec, image or network does not exist (404)."""

    code = Code.ENGINE_NOT_FOUND
    permanent = True


class Conflict(EngineError):
    """The name is taken, or the container's state forbids the call (409)."""

    code = Code.ENGINE_CONFLICT
    permanent = True


class Refused(EngineError):
    """The engine understood and refused the call (400, 401, 403, 501 and other 4xx)."""

    code = Code.ENGINE_REFUSED
    permanent = True


class RegistryDenied(Refused):
    """The registry does not let these credentials, or nobody, have the image."""


class AccessDenied(EngineError):
    """The engine's socket may not be opened by this process, or TLS refused us."""

    code = Code.ENGINE_ACCESS_DENIED
    permanent = True


class ServerFault(EngineError):
    """The engine failed inside (5xx)."""

    code = Code.ENGINE_FAULT


class Unavailable(EngineError):
    """Nobody listens, or the connection was lost."""

    code = Code.ENGINE_UNAVAILABLE


class TimedOut(EngineError):
    """The engine did not answer in time. Whether the call was carried out is not known."""

    code = Code.ENGINE_TIMED_OUT
