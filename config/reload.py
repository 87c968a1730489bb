"""What of a changed configuration takes effect in a server that runs."""

from __future__ import annotations

from typing import Any

from .base import Section
from .models import Config
from .problems import KeyPath, dotted

_FIXED: tuple[KeyPath, ...] = (
    *(("ssh", "listen"), ("metrics",), ("health",)),
    *(("docker", "connection"), ("docker", "execution", "pipes_directory")),
)
"""What is opened once: listeners, and the ways to the engine, which containers that live are tied to."""


def reloaded(old: Config, new: Config) -> tuple[Config, list[str]]:
    """Return `new` with the values of `old` that only a restart changes, and the keys that wait for one."""
    waiting: list[str] = []
    result: Section = new
    for path in _FIXED:
        waiting += (dotted(key) for key in _changed(_at(old, path), _at(new, path), _spelled(old, path)))
        result = _with(result, path, _at(old, path))
    assert isinstance(result, Config)
    return result.with_notes(new.notes), waiting


def _at(value: Any, path: KeyPath) -> Any:
    for part in path:
        value = getattr(value, str(part))
    return value


def _spelled(section: Any, path: KeyPath) -> KeyPath:
    """Return the keys of a file that the attributes in `path` are read from."""
    keys: list[str] = []
    for part in path:
        keys += (key for key, name in section.aliases().items() if name == part)
        section = getattr(section, str(part))
    return tuple(keys)


def _with(section: Section, path: KeyPath, value: Any) -> Section:
    name = str(path[0])
    if path[1:]:
        value = _with(getattr(section, name), path[1:], value)
    return section.model_copy(update={name: value})


def _changed(old: Any, new: Any, path: KeyPath) -> list[KeyPath]:
    if not isinstance(old, Section):
        return [path] if old != new else []
    keys = [_changed(getattr(old, name), getattr(new, name), (*path, key)) for key, name in old.aliases().items()]
    return [path for found in keys for path in found]
