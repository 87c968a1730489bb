"""Where the exceptions of docker-py, requests, urllib3, ssl and the system become our own."""

from __future__ import annotations

import ssl
from collections.abc import Iterator

import requests
import urllib3.exceptions
from docker.errors import APIError, DockerException

from .address import unreachable
from .errors import EngineError, NotFound, Refused, RegistryDenied, ServerFault, TimedOut, Unavailable
from .hijack import refusal
from .tls import is_end_of_connection

_TIMEOUTS = (TimeoutError, requests.Timeout, urllib3.exceptions.TimeoutError)
_LOST = (requests.ConnectionError, requests.exceptions.ChunkedEncodingError, urllib3.exceptions.HTTPError)
_DENIED = (
    "denied",
    "unauthorized",
    "authentication required",
    "no basic auth credentials",
    "forbidden",
    "incorrect username or password",
)
_MISSING = (
    "manifest unknown",
    "name unknown",
    "not found",
    "no such image",
    "no matching manifest",
    "repository does not exist",
    "does not match the specified platform",
)

_MAKING = ("container_create", "container_start")
_BAD_SETTINGS = (
    "invalid volume specification",
    "invalid mode",
    "invalid --security-opt",
    "error while creating mount source path",
    "error gathering device information",
)
"""How Docker begins to say, with a 500, that a container's settings are wrong: it would say so each time."""


def translate(operation: str, failure: Exception) -> EngineError:
    """Return what `failure`, raised by a call named `operation`, means. Any thread."""
    if isinstance(failure, EngineError):
        return failure
    causes = list(_causes(failure))
    for cause in causes:
        if isinstance(cause, APIError) and cause.response is not None:
            return translate_status(operation, cause.response.status_code, cause.response.content)
    return _lost_connection(operation, causes) or _other(operation, failure)


def translate_status(operation: str, status: int, body: bytes) -> EngineError:
    """Return what an HTTP error status means; `body` is the engine's JSON or plain text."""
    error = refusal(status, operation, body)
    if isinstance(error, NotFound) and error.detail == "page not found":
        return Refused(operation, "the engine does not know this call (page not found)")
    if operation == "image_pull" and (isinstance(error, ServerFault) or status in (401, 403)):
        # Older engines report what the registry refused as a fault of their own.
        return translate_pull_error(error.detail)
    if isinstance(error, ServerFault) and operation in _MAKING and error.detail.startswith(_BAD_SETTINGS):
        return Refused(operation, error.detail)
    return error


def translate_pull_error(text: str) -> EngineError:
    """Return what an `error` line inside a pull's stream means, or the message of its status 500."""
    lowered = text.lower()
    if any(word in lowered for word in _DENIED):
        return RegistryDenied("image_pull", text)
    if "invalid reference" in lowered:
        return Refused("image_pull", text)
    if any(word in lowered for word in _MISSING):
        return NotFound("image_pull", text)
    return ServerFault("image_pull", text)


def _causes(failure: BaseException) -> Iterator[BaseException]:
    # requests and urllib3 wrap the system's exception in one another's arguments.
    seen: set[int] = set()
    waiting = [failure]
    while waiting:
        cause = waiting.pop(0)
        if id(cause) in seen:
            continue
        seen.add(id(cause))
        yield cause
        linked = (*cause.args, getattr(cause, "reason", None), cause.__cause__)
        waiting += [link for link in linked if isinstance(link, BaseException)]


def _lost_connection(operation: str, causes: list[BaseException]) -> EngineError | None:
    for cause in causes:
        if isinstance(cause, ssl.SSLError) and not is_end_of_connection(cause):
            return unreachable(operation, cause)
    for cause in causes:
        # The system's own word first: urllib3 counts a refused connection among its timeouts.
        if isinstance(cause, OSError) and not isinstance(cause, requests.RequestException):
            return unreachable(operation, cause)
    if any(isinstance(cause, _TIMEOUTS) for cause in causes):
        return TimedOut(operation, "the engine did not answer in time")
    if any(isinstance(cause, _LOST) for cause in causes):
        return Unavailable(operation, str(causes[-1]))
    return None


def _other(operation: str, failure: Exception) -> EngineError:
    if isinstance(failure, requests.exceptions.InvalidJSONError):
        return ServerFault(operation, f"the answer is not JSON: {failure}")
    if isinstance(failure, DockerException | requests.RequestException):
        return Refused(operation, str(failure))
    return ServerFault(operation, f"unexpected answer: {failure!r}")
