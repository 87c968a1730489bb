"""Whatever a file holds, the answer is a configuration or a list of problems."""

from __future__ import annotations

import json
from typing import Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from sshore.config import Config, ConfigError, effective, parse_config, schema
from sshore.config.docker_api import CONTAINER, HOST, NETWORK

KEYS = sorted(
    {key for definition in schema()["$defs"].values() for key in definition.get("properties", {})}
    | {*Config.aliases(), *CONTAINER.keys, *HOST.keys, *NETWORK.keys}
)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10) | st.sampled_from(KEYS)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=12,
)
EXECUTION_KEYS = st.sampled_from(list(schema()["$defs"]["ExecutionConfig"]["properties"]))


def answered(text: str) -> None:
    said = answer(text)
    assert said
    assert all(line.isprintable() for line in said.split("\n"))
    assert "pydantic" not in said


def answer(text: str) -> str:
    try:
        config = parse_config(text, "c.yaml")
    except ConfigError as error:
        return str(error)
    # What is printed can be read again.
    return str(yaml.safe_load(effective(config)) and "fine")


@given(st.text() | st.text(alphabet="&*a-:{}[]?|>'\"#!%<,\n\t 01"))
def test_any_text_is_answered(text: str) -> None:
    answered(text)


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(list(Config.aliases())), VALUES))
def test_any_json_is_answered(values: dict[str, Any]) -> None:
    answered(json.dumps(values))


@settings(deadline=None)
@given(st.dictionaries(EXECUTION_KEYS, VALUES))
def test_any_execution_section_is_answered(execution: dict[str, Any]) -> None:
    answered(json.dumps({"docker": {"execution": execution}}))


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(sorted(HOST.keys)), VALUES))
def test_any_host_config_is_answered(host: dict[str, Any]) -> None:
    answered(json.dumps({"docker": {"execution": {"host": host}}}))
