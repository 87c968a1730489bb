"""The Docker API's structures in the execution section: where they may stand, brought into one spelling."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from .docker_api import CONTAINER, HOST, NETWORK, Structure
from .docker_values import canonical, kind_of
from .problems import Fault, refuse, refuse_value
from .suggest import did_you_mean

_NESTED = {"hostconfig": ("HostConfig", "host"), "networkingconfig": ("NetworkingConfig", "network")}
_SECTIONS: dict[str, Structure] = {"container": CONTAINER, "host": HOST, "network": NETWORK}
_PLATFORM = re.compile(r"[a-z0-9_.-]+(/[a-z0-9_.-]+){0,2}", re.IGNORECASE)
_PLATFORM_KEYS = ("os", "architecture", "variant")


def structures(data: Mapping[str, Any], faults: list[Fault]) -> dict[str, Any]:
    """Return the section with container, host and network in the API's spelling.

    A HostConfig or NetworkingConfig inside of container, as the body of the API's create call has them, moves
    to host and network, unless both say different things.
    """
    result = dict(data)
    container, nested = _without_nested(data.get("container"))
    if nested:
        result["container"] = container
    for name, kind in _SECTIONS.items():
        if name in result:
            result[name] = canonical(kind, result[name], (name,), faults) or {}
    for key, value in nested.items():
        api_name, name = _NESTED[key.lower()]
        path = ("container", api_name)
        found = canonical(_SECTIONS[name], value, path, faults) or {}
        result[name] = _merged(name, result.get(name, {}), found, path, faults)
    return result


def platform_text(value: Any) -> Any:
    """Return `os/architecture/variant` for the API's structure with these keys, in any letter case."""
    if isinstance(value, Mapping):
        value = _joined(value)
    elif value is not None and not isinstance(value, str):
        refuse_value(f"expected 'OS/ARCHITECTURE' or a mapping, not {kind_of(value)}")
    if isinstance(value, str) and not _PLATFORM.fullmatch(value):
        refuse_value("expected a platform such as 'linux/arm64' or 'linux/arm/v7'")
    return value


def _without_nested(container: Any) -> tuple[Any, dict[str, Any]]:
    if not isinstance(container, Mapping):
        return container, {}
    nested = {str(key): value for key, value in container.items() if str(key).lower() in _NESTED}
    return {key: value for key, value in container.items() if str(key) not in nested}, nested


def _merged(
    name: str, given: dict[str, Any], nested: dict[str, Any], path: tuple[str, ...], faults: list[Fault]
) -> dict[str, Any]:
    for key, value in nested.items():
        if key in given and given[key] != value:
            message = f"docker.execution.{name}.{key} is given as well, with another value"
            faults.append(Fault((*path, key), message))
    return {**nested, **given}


def _joined(value: Mapping[Any, Any]) -> str | None:
    given = {str(key).lower(): item for key, item in value.items() if item is not None}
    known = set(_PLATFORM_KEYS)
    refuse(
        Fault((key,), f"unknown key{did_you_mean(key, _PLATFORM_KEYS)}")
        for key in map(str, value)
        if key.lower() not in known
    )
    refuse(Fault((key,), "expected text") for key, item in given.items() if not isinstance(item, str))
    if not given:
        return None
    if "os" not in given or ("variant" in given and "architecture" not in given):
        refuse_value("expected 'os', and 'architecture' if there is a 'variant'")
    return "/".join(given[key] for key in _PLATFORM_KEYS if key in given)
