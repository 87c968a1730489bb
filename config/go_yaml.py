"""Values as Go's yaml.v3 reads them where a field has a type: words for true and false, `1_000`, durations.

It reads YAML 1.2 like sshore's own reader, but takes words of 1.1 where the field is a bool, underscores in whole
numbers, and text where it is a time.Duration (https://pkg.go.dev/gopkg.in/yaml.v3#section-readme).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from .durations import nanoseconds

_TRUE = frozenset(("y", "Y", "yes", "Yes", "YES", "on", "On", "ON"))
_FALSE = frozenset(("n", "N", "no", "No", "NO", "off", "Off", "OFF"))
_GROUPED = re.compile(r"[-+]?(0[xob]?)?[0-9a-fA-F]*(_[0-9a-fA-F]+)+_*")
_FLAGS = frozenset(("enable", "disableCommand", "disableAgent", "exposeAuthMetadataAsEnv", "allowRedirects", "pubkey"))
"""The keys of ContainerSSH's own sections whose fields are bools."""
_TIMES = frozenset(
    ("containerStart", "containerStop", "commandStart", "signal", "window", "http", "timeout", "authTimeout")
)


def as_flag(value: Any) -> Any:
    """Return what a bool gets."""
    if isinstance(value, str):
        return True if value in _TRUE else False if value in _FALSE else value
    return value


def as_number(value: Any) -> Any:
    """Return what an integer gets."""
    if isinstance(value, str) and _GROUPED.fullmatch(value):
        try:
            return int(value.replace("_", ""), 0)
        except ValueError:
            return value
    return value


def as_nanoseconds(value: Any) -> Any:
    """Return what a time.Duration gets, in nanoseconds."""
    number = as_number(value)
    if isinstance(number, str):
        try:
            return nanoseconds(number)
        except ValueError:
            return value
    return number


def read_as_go(value: Any) -> Any:
    """Return a document's values with those of ContainerSSH's own typed keys as its reader has them."""
    if isinstance(value, list):
        return [read_as_go(item) for item in value]
    if not isinstance(value, Mapping):
        return value
    return {key: _field(key, item) for key, item in value.items()}


def _field(key: Any, value: Any) -> Any:
    if key in _FLAGS:
        return as_flag(value)
    return as_number(value) if key in _TIMES else read_as_go(value)
