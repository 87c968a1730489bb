"""Prints a configuration as it took effect, without its secrets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import SecretStr

from .base import Section
from .durations import format_duration
from .hardening import hardened
from .models import Config, LimitsConfig, PoolConfig, SshConfig, TimeoutsConfig
from .pem import is_pem_text
from .secrets import MASK, without_secrets
from .yaml_text import yaml_text


def effective(config: Config) -> str:
    """Return the configuration as YAML, defaults filled in. Secrets and PEM text are printed as `***`."""
    values = _section(config)
    execution = values["docker"]["execution"]
    execution["container"] = {"Image": config.docker.execution.image, **execution["container"]}
    execution["host"] = hardened(execution["host"])
    for structure in ("container", "host", "network"):
        execution[structure] = without_secrets(execution[structure])
    return yaml_text(values)


def _section(section: Section) -> dict[str, Any]:
    seconds = isinstance(section, TimeoutsConfig | LimitsConfig | SshConfig | PoolConfig)
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
