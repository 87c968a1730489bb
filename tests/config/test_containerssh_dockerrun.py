"""The dockerrun section of ContainerSSH 0.3 means what ContainerSSH 0.4 made of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from sshore.config import Config, ConfigError, load_config, parse_config
from sshore.config.models import Mode, PullPolicy

FIXTURES = Path(__file__).parent / "containerssh"


def read(**config: Any) -> Config:
    return parse_config(json.dumps({"dockerrun": {"config": config}}), "c.json")


def test_a_whole_dump_of_0_3_is_read_as_it_is() -> None:
    config = load_config(FIXTURES / "dockerrun-0.3.yaml")
    execution = config.docker.execution
    assert config.ssh.listen == "127.0.0.1:2022"
    assert config.docker.connection.host == "tcp://127.0.0.1:2375"
    assert config.docker.connection.cacert is None
    assert execution.container == {"Cmd": ["/usr/local/bin/menu"], "Image": "team/shell:2", "Entrypoint": []}
    assert execution.host == {
        "Binds": ["/srv/data:/data"],
        "CapDrop": ["ALL"],
        "Memory": 33554432,
        "PidsLimit": 0,
    }
    assert execution.network == {}
    assert execution.disable_command
    assert set(config.docker.timeouts.model_dump().values()) == {45.0}
    assert [note.path for note in config.notes] == [
        *("backend", "dockerrun", "dockerrun.config.disableCommand"),
        "dockerrun.config.host.resources.pidslimit",
    ]


def test_it_is_session_mode_and_a_pull_for_each() -> None:
    execution = load_config(FIXTURES / "dockerrun-0.3.json").docker.execution
    assert (execution.mode, execution.image_pull_policy) == (Mode.SESSION, PullPolicy.ALWAYS)
    assert not execution.disable_command
    assert execution.image == "team/shell:2"
    assert execution.network == {"EndpointsConfig": {"harbour": {}}}
    assert (execution.platform, execution.containername) == ("linux/amd64", "pier")


@pytest.mark.parametrize(
    ("given", "seconds"), [("90s", 90.0), (2_000_000_000, 2.0), ("1m30s", 90.0), (None, 60.0), ("", 60.0)]
)
def test_its_one_timeout_is_every_operation_s(given: Any, seconds: float) -> None:
    assert set(read(timeout=given).docker.timeouts.model_dump().values()) == {seconds}


def test_a_fault_is_named_where_it_stands_and_once() -> None:
    text = "dockerrun:\n  config:\n    timeout: soon\n    container:\n      user: [a]\n"
    with pytest.raises(ConfigError) as caught:
        parse_config(text, "c.yaml")
    assert str(caught.value).splitlines() == [
        "c.yaml:3: dockerrun.config.timeout: expected a duration such as '60s' or '1m30s', not 'soon'",
        "c.yaml:5: dockerrun.config.container.user: expected text, not a list",
    ]


def test_a_key_that_0_3_did_not_have_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"dockerrun\.config\.disableShell: unknown key of ContainerSSH's"):
        read(disableShell=True)
    with pytest.raises(ConfigError, match=r"dockerrun\.hots: unknown key of ContainerSSH's dockerrun"):
        parse_config("dockerrun: {hots: x}", "c.yaml")


@pytest.mark.parametrize("section", [5, [1], "tcp://a:1"])
def test_a_section_that_is_no_mapping_is_refused(section: Any) -> None:
    with pytest.raises(ConfigError, match="dockerrun: expected a mapping"):
        parse_config(json.dumps({"dockerrun": section}), "c.json")
    with pytest.raises(ConfigError, match=r"dockerrun\.config: expected a mapping"):
        parse_config(json.dumps({"dockerrun": {"config": section}}), "c.json")


def test_a_flag_that_is_a_word_is_not_taken_for_off() -> None:
    with pytest.raises(ConfigError, match=r"dockerrun\.config\.disableCommand: expected true or false"):
        read(disableCommand="yes")


def test_the_keys_of_dockerrun_below_docker_are_taken_for_it() -> None:
    config = parse_config("backend: dockerrun\ndocker: {host: '127.0.0.1:1', config: {timeout: 5s}}", "c.yaml")
    assert config.docker.connection.host == "tcp://127.0.0.1:1"
    assert config.docker.execution.mode is Mode.SESSION
    assert config.docker.timeouts.http == 5.0
    assert parse_config("backend: docker\ndocker: {config: {timeout: 5s}}", "c.yaml").docker.timeouts.http == 5.0


def test_of_two_sections_the_backend_says_which_is_meant() -> None:
    sections = "docker: {timeouts: {http: 7s}}\ndockerrun: {config: {timeout: 5s}}\n"
    assert parse_config("backend: docker\n" + sections, "c.yaml").docker.timeouts.http == 7.0
    assert parse_config("backend: dockerrun\n" + sections, "c.yaml").docker.timeouts.http == 5.0
    with pytest.raises(ConfigError, match="dockerrun: 'docker' is given as well: say which one is meant"):
        parse_config(sections, "c.yaml")
