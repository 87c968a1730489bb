"""Brings what an operator wrote into the Docker API's spelling, and names what the API would not take."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .docker_api import CONTAINER, HOST, NETWORK, Kind, Leaf, ListOf, MapOf, Structure
from .problems import Fault, KeyPath
from .suggest import did_you_mean
from .text import shortened

_PLACES = {
    "docker.execution.container": CONTAINER,
    "docker.execution.host": HOST,
    "docker.execution.network": NETWORK,
}


def canonical(kind: Kind, value: object, path: KeyPath, faults: list[Fault]) -> Any:
    """Return `value` with the API's own spelling of every key; what is wrong goes to `faults`.

    Values come out as they went in. Null is left alone: to the engine it is as good as absent.
    """
    if value is None:
        return None
    if isinstance(kind, Leaf):
        return _leaf(kind, value, path, faults)
    if isinstance(kind, ListOf):
        return _list(kind, value, path, faults)
    if not isinstance(value, Mapping):
        faults.append(Fault(path, f"expected a mapping, not {kind_of(value)}"))
        return None
    if isinstance(kind, MapOf):
        return {str(key): canonical(kind.value, item, (*path, str(key)), faults) for key, item in value.items()}
    return _structure(kind, value, path, faults)


def kind_of(value: object) -> str:
    """Return what a value is in plain words, without the value, which may be a secret."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int | float):
        return "a number" if isinstance(value, int) else "a decimal number"
    if isinstance(value, str):
        return "text"
    return "a mapping" if isinstance(value, Mapping) else "a list"


def _list(kind: ListOf, value: object, path: KeyPath, faults: list[Fault]) -> list[Any] | None:
    if not isinstance(value, list | tuple):
        faults.append(Fault(path, f"expected a list, not {kind_of(value)}"))
        return None
    return [canonical(kind.item, item, (*path, index), faults) for index, item in enumerate(value)]


def _structure(kind: Structure, value: Mapping[Any, Any], path: KeyPath, faults: list[Fault]) -> dict[str, Any]:
    names = {name.lower(): name for name in kind.keys}
    result: dict[str, Any] = {}
    for key, item in value.items():
        name = names.get(str(key).lower())
        if name is None:
            faults.append(Fault((*path, str(key)), _unknown(kind, str(key))))
        elif name in result:
            faults.append(Fault((*path, str(key)), f"{name} is given twice, in different letter case"))
        else:
            result[name] = canonical(kind.keys[name], item, (*path, name), faults)
    return result


def _unknown(kind: Structure, key: str) -> str:
    for place, other in _PLACES.items():
        if kind in _PLACES.values() and key.lower() in map(str.lower, other.keys):
            return f"the Docker API has this key in {other.name}: write it below {place}"
    return f"unknown key of the Docker API's {kind.name}{did_you_mean(key, kind.keys)}"


def _leaf(kind: Leaf, value: object, path: KeyPath, faults: list[Fault]) -> Any:
    if kind is Leaf.COMMAND and isinstance(value, list | tuple):
        return _list(ListOf(Leaf.TEXT), value, path, faults)
    if not _fits(kind, value):
        faults.append(Fault(path, f"expected {kind.value}, not {kind_of(value)}{value_hint(kind, value)}"))
    return value


def _fits(kind: Leaf, value: object) -> bool:
    match kind:
        case Leaf.TEXT | Leaf.COMMAND:
            return isinstance(value, str)
        case Leaf.INTEGER:
            return isinstance(value, int) and not isinstance(value, bool) and -(2**63) <= value < 2**63
        case Leaf.BOOLEAN:
            return isinstance(value, bool)
        case Leaf.EMPTY:
            return isinstance(value, Mapping) and not value


def value_hint(kind: Leaf, value: object) -> str:
    """Return how a value of the wrong kind may have come about, or nothing."""
    if kind is Leaf.TEXT and isinstance(value, bool | int | float):
        return ": put it in quotes"
    if kind is Leaf.BOOLEAN and str(value).lower() in ("yes", "no", "on", "off"):
        return f": {shortened(str(value))} is a word here"
    return ""
