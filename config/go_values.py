"""The Docker API's structures as Go programs read and dump them, brought into the engine's own terms.

There false, 0 and empty mean that nothing was said, where the field is no pointer; a number is taken where text
belongs; and in YAML HostConfig has its limits in a mapping of their own, `resources`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .docker_api import CONTAINER, HOST, Kind, Leaf, ListOf, MapOf, Structure
from .go_yaml import as_flag, as_nanoseconds, as_number
from .problems import KeyPath
from .translation import Translation, is_zero

_RESOURCES = "resources"
# Pointers in Go: their zero values say something. An empty ENTRYPOINT or CMD is not the image's own.
_POINTERS = {"StopTimeout", "MemorySwappiness", "OomKillDisable", "PidsLimit", "Init", "Entrypoint", "Cmd"}
_HEALTHCHECK: KeyPath = ("Healthcheck",)
_DURATIONS = ("Interval", "Timeout", "StartPeriod", "StartInterval")
_NOTHING: tuple[Any, ...] = ("", 0, [], {}, [0, 0])
_GONE = "the Docker API has no such key, and neither ContainerSSH nor sshore limits anything by it"
_NO_KEYS = {"diskquota": _GONE, "cpurealtimequota": _GONE, "initpath": "the engine chooses its init itself"}


def in_terms_of_the_engine(container: Any, host: Any, path: KeyPath, t: Translation) -> tuple[Any, Any]:
    """Return `container` and `host`, which are below `path`, with the API's keys and only what was really said."""
    if isinstance(host, Mapping):
        container, host = _network_disabled(container, host, path, t)
        host = _flattened(_without_known_nonsense(host, (*path, "host"), t), (*path, "host"), t)
    return said(CONTAINER, container, (*path, "container"), t), said(HOST, host, (*path, "host"), t)


def said(kind: Kind, value: Any, path: KeyPath, t: Translation) -> Any:
    """Return a value without keys that say nothing, and with text where text belongs."""
    if isinstance(kind, Leaf):
        return _leaf(kind, value, path, t)
    if isinstance(kind, ListOf) and isinstance(value, list):
        return [said(kind.item, item, (*path, index), t) for index, item in enumerate(value)]
    if isinstance(kind, MapOf) and isinstance(value, Mapping):
        return {key: said(kind.value, item, (*path, key), t) for key, item in value.items()}
    return _structure(kind, value, path, t) if isinstance(kind, Structure) and isinstance(value, Mapping) else value


def _leaf(kind: Leaf, value: Any, path: KeyPath, t: Translation) -> Any:
    if kind is Leaf.BOOLEAN and not t.is_json:
        return as_flag(value)
    if kind is Leaf.INTEGER and not t.is_json:
        return as_nanoseconds(value) if path[-2:-1] == _HEALTHCHECK and path[-1] in _DURATIONS else as_number(value)
    if kind is Leaf.TEXT and isinstance(value, bool | int | float):
        return t.spelled.get(t.origin(path), str(value))
    if kind is Leaf.COMMAND and isinstance(value, list):
        return [_leaf(Leaf.TEXT, item, (*path, index), t) for index, item in enumerate(value)]
    return value


def _structure(kind: Structure, value: Mapping[str, Any], path: KeyPath, t: Translation) -> dict[str, Any]:
    names = {name.lower(): name for name in kind.keys}
    result = {}
    for key, item in value.items():
        name = names.get(key.lower(), key)
        if name not in kind.keys or name in result:
            result[key] = item
            continue
        t.moved((*path, name), t.origin((*path, key)))
        found = said(kind.keys[name], item, (*path, name), t)
        if found is not None and (name in _POINTERS or found not in _NOTHING):
            result[name] = found
    return result


def _flattened(host: Mapping[str, Any], path: KeyPath, t: Translation) -> dict[str, Any]:
    result = {key: item for key, item in host.items() if key.lower() != _RESOURCES}
    for outer in host.keys() - result.keys():
        limits = host[outer]
        if not isinstance(limits, Mapping):
            return dict(host)
        for key, item in _without_known_nonsense(limits, (*path, outer), t).items():
            beside = next((name for name in result if name.lower() == key.lower()), None)
            if beside is not None and result.pop(beside) not in (item, *_NOTHING):
                t.refuse((*path, outer, key), f"{beside} is given beside {outer} as well, with another value")
            t.moved((*path, key), (*t.origin(path), outer, key))
            result[key] = item
    return result


def _without_known_nonsense(values: Mapping[str, Any], path: KeyPath, t: Translation) -> dict[str, Any]:
    for key, item in values.items():
        if key.lower() in _NO_KEYS and not is_zero(item):
            t.note((*path, key), f"ignored: {_NO_KEYS[key.lower()]}")
    return {key: item for key, item in values.items() if key.lower() not in _NO_KEYS}


def _network_disabled(container: Any, host: Mapping[str, Any], path: KeyPath, t: Translation) -> tuple[Any, Any]:
    """Move the key to where the API has it. ContainerSSH's manual shows it below `host`, where it does nothing."""
    misplaced = {key: item for key, item in host.items() if key.lower() == "networkdisabled"}
    if not misplaced or not isinstance(container, Mapping | None):
        return container, host
    key, item = misplaced.popitem()
    if not is_zero(item):
        t.note((*path, "host", key), "taken as container.NetworkDisabled, where the Docker API has it")
        t.moved((*path, "container", "NetworkDisabled"), t.origin((*path, "host", key)))
        others = {name: value for name, value in (container or {}).items() if name.lower() != "networkdisabled"}
        container = {**others, "NetworkDisabled": item}
    return container, {name: value for name, value in host.items() if name != key}
