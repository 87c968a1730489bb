"""Prints a configuration as it took effect, without its secrets."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from .base import Section
from .durations import format_duration
from .hardening import hardened
from .models import Config, LimitsConfig, TimeoutsConfig
from .pem import is_pem_text
from .yaml_text import yaml_text

MASK = "***"
_SECRET_NAME = re.compile(r"pass|secret|token|credential|api_?key|private_?key", re.IGNORECASE)


def effective(config: Config) -> str:
    """Return the configuration as YAML, defaults filled in. Secrets and PEM text are printed as `***`."""
    values = _section(config)
    execution = values["docker"]["execution"]
    execution["container"] = _container(execution["container"], config.docker.execution.image)
    execution["host"] = hardened(execution["host"])
    return yaml_text(values)


def _section(section: Section) -> dict[str, Any]:
    seconds = isinstance(section, TimeoutsConfig | LimitsConfig)
    return {
        key: _value(getattr(section, attribute), seconds=seconds) for key, attribute in type(section).aliases().items()
    }


def _value(value: Any, *, seconds: bool) -> Any:
    if isinstance(value, Section):
        return _section(value)
    if isinstance(value, SecretStr):
        return MASK if value.get_secret_value() else ""
    if isinstance(value, float) and seconds:
        return format_duration(value)
    if isinstance(value, list):
        return [_value(item, seconds=False) for item in value]
    if isinstance(value, str):
        return MASK if is_pem_text(value) else str(value)
    return str(value) if isinstance(value, Path) else value


def _container(container: Mapping[str, Any], image: str) -> dict[str, Any]:
    shown = {"Image": image, **container}
    if container.get("Env"):
        shown["Env"] = [_variable(entry) for entry in container["Env"]]
    return shown


def _variable(entry: str) -> str:
    name, equals, _value = entry.partition("=")
    return f"{name}={MASK}" if equals and _SECRET_NAME.search(name) else entry
