"""Finds keys that no section has, and tells what was meant."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args

from .base import Section
from .docker_api import CONTAINER, HOST, NETWORK
from .models import Config
from .problems import Fault, KeyPath, dotted
from .suggest import closest


def without_unknown(section: type[Section], data: dict[str, Any], path: KeyPath, faults: list[Fault]) -> dict[str, Any]:
    """Return the data with known keys only; null is the same as absent.

    Each fault is about the key that was probably meant, so that its absence is not held against others.
    """
    names = section.aliases()
    result = {}
    for key, value in data.items():
        if key not in names and key not in section.older_names:
            faults.append(_unknown(section, key, path))
        elif value is not None:
            inner = section_of(section, names.get(key, key))
            is_section = inner is not None and isinstance(value, dict)
            result[key] = without_unknown(inner, value, (*path, key), faults) if inner and is_section else value
    return result


def section_of(section: type[Section], attribute: str) -> type[Section] | None:
    """Return the section that an attribute holds, if it does."""
    field = section.model_fields.get(attribute)
    annotation = field.annotation if field else None
    for kind in (annotation, *get_args(annotation)):
        if isinstance(kind, type) and issubclass(kind, Section):
            return kind
    return None


def _unknown(section: type[Section], key: str, path: KeyPath) -> Fault:
    known = [*section.aliases(), *section.older_names]
    similar = closest(key, known)
    place = next((place for name, place in _all_keys() if name.lower() == key.lower()), None)
    # Here, where it is but the plural or the singular, rather than the same word elsewhere.
    if similar and (place is None or similar.lower().rstrip("s") == key.lower().rstrip("s")):
        return Fault((*path, key), f"unknown key, did you mean '{similar}'?", ((*path, similar),))
    if place is not None:
        return Fault((*path, key), f"unknown key here, did you mean '{dotted(place)}'?", (place,))
    return Fault((*path, key), f"unknown key; there are {', '.join(section.aliases())}")


def _all_keys() -> Iterator[tuple[str, KeyPath]]:
    yield from _keys(Config, ())
    for name, structure in (("container", CONTAINER), ("host", HOST), ("network", NETWORK)):
        for key in structure.keys:
            yield key, ("docker", "execution", name, key)


def _keys(section: type[Section], path: KeyPath) -> Iterator[tuple[str, KeyPath]]:
    for key, attribute in section.aliases().items():
        yield key, (*path, key)
        if inner := section_of(section, attribute):
            yield from _keys(inner, (*path, key))
