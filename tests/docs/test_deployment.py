"""The files of deploy/ for a gateway in a container agree with each other and with the source."""

from __future__ import annotations

import importlib.util
import json
import re
from types import ModuleType
from typing import Any

import pytest
import yaml
from sshore.config.durations import parse_duration
from sshore.config.load import parse_config, require_serving
from sshore.config.models import Config
from support.source_tree import ROOT

DEPLOY = ROOT / "deploy"
DOCKERFILE = (DEPLOY / "Dockerfile").read_text()


@pytest.fixture(scope="module")
def gateway() -> dict[str, Any]:
    """The service of the compose file; its variables have their defaults."""
    text = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", (DEPLOY / "compose.yaml").read_text())
    return dict(yaml.safe_load(text)["services"]["gateway"])


@pytest.fixture(scope="module")
def config() -> Config:
    """The example."""
    return parse_config((DEPLOY / "sshore.yaml").read_text(), "/etc/sshore/sshore.yaml")


def test_a_server_starts_with_the_example(config: Config) -> None:
    require_serving(config)
    assert config.notes == ()


def test_the_compose_file_names_the_image_that_is_built(gateway: dict[str, Any]) -> None:
    assert f"\nIMAGE={gateway['image']}\n" in (DEPLOY / "build.sh").read_text()


def test_one_port_is_listened_on_exposed_and_published(gateway: dict[str, Any], config: Config) -> None:
    port = _instruction("EXPOSE")
    assert gateway["ports"] == [f"{port}:{port}"]
    assert config.ssh.listen == f"0.0.0.0:{port}"


def test_the_state_folder_is_the_volume(gateway: dict[str, Any]) -> None:
    folder = _instruction("VOLUME")
    assert f"SSHORE_STATE={folder}\n" in DOCKERFILE
    assert f"state:{folder}" in gateway["volumes"]


def test_configuration_and_keys_are_in_the_mounted_folder(gateway: dict[str, Any], config: Config) -> None:
    assert json.loads(_instruction("CMD")) == ["serve", "--config", "/etc/sshore/sshore.yaml"]
    assert "/etc/sshore:/etc/sshore:ro" in gateway["volumes"]
    assert str(config.auth.authorized_keys).startswith("/etc/sshore/")


def test_the_socket_is_where_the_example_has_the_engine(gateway: dict[str, Any], config: Config) -> None:
    socket = config.docker.connection.host.removeprefix("unix://")
    assert f"{socket}:{socket}" in gateway["volumes"]


def test_the_health_check_asks_where_health_is_served(config: Config) -> None:
    check = _program("healthcheck")
    assert config.health.enable
    assert config.health.listen == f"{check.HOST}:{check.PORT}"


def test_the_engine_waits_for_a_stop_and_for_the_janitor(gateway: dict[str, Any], config: Config) -> None:
    seconds = config.docker.timeouts.container_stop + _program("init").ORPHANS_SECONDS
    assert parse_duration(gateway["stop_grace_period"]) >= seconds


def _instruction(name: str) -> str:
    found = re.findall(rf"^{name} (.+)$", DOCKERFILE, re.MULTILINE)
    return str(found[-1])


def _program(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, DEPLOY / f"{name}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
