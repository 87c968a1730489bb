"""Says in plain words what pydantic found."""

from __future__ import annotations

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from .docker_api import Leaf
from .docker_values import kind_of, value_hint
from .problems import FAULTS, Fault, KeyPath

_EXPECTED = {
    "string_type": "text",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "path_type": "the path of a file",
}


def faults_of(error: ValidationError) -> list[Fault]:
    """Return every fault with its path from the top of the validated model, without the refused values."""
    return [fault for details in error.errors(include_url=False) for fault in _faults(details)]


def _faults(details: ErrorDetails) -> list[Fault]:
    # A mapping's key that is itself refused comes with this mark behind it.
    place: KeyPath = tuple(part for part in details["loc"] if part != "[key]")
    if details["type"] == FAULTS:
        return [_moved(fault, place) for fault in details["ctx"]["faults"]]
    return [Fault(place, _sentence(details))]


def _moved(fault: Fault, place: KeyPath) -> Fault:
    about = tuple((*place, *path) for path in fault.about)
    return Fault((*place, *fault.path), fault.message, about)


def _sentence(details: ErrorDetails) -> str:
    kind = details["type"]
    if kind == "value_error":
        return str(details["ctx"]["error"])
    if kind == "extra_forbidden":
        return "unknown key"
    if kind not in _EXPECTED:
        return "this value cannot be used here"
    leaf = {"string_type": Leaf.TEXT, "bool_type": Leaf.BOOLEAN}.get(kind, Leaf.EMPTY)
    return f"expected {_EXPECTED[kind]}, not {kind_of(details['input'])}{value_hint(leaf, details['input'])}"
