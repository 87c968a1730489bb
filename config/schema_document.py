"""The JSON schema of the configuration file, for editors and for the reference."""

from __future__ import annotations

from typing import Any

from .durations import format_duration
from .models import Config, ExecutionConfig

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema() -> dict[str, Any]:
    """Return the JSON schema, with the file's keys, defaults and descriptions."""
    generated = Config.model_json_schema(by_alias=True)
    properties = generated["$defs"][ExecutionConfig.__name__]["properties"]
    for old, new in ExecutionConfig.older_names.items():
        properties[old] = {**properties[new], "deprecated": True, "description": f"Older name of `{new}`."}
    for definition in (generated, *generated["$defs"].values()):
        for field in definition.get("properties", {}).values():
            _as_in_the_file(field)
    return {"$schema": DIALECT, **generated, "title": "sshore"}


def _as_in_the_file(field: dict[str, Any]) -> None:
    # pydantic's title repeats the name without its capitals; its default is the attribute's, not the file's.
    field.pop("title", None)
    if field.get("format") == "duration":
        field["default"] = format_duration(field["default"])
    if "$ref" in field and isinstance(field.get("default"), dict):
        field["default"] = {}
