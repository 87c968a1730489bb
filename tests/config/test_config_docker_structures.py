"""The Docker API's structures: any of its keys, in any letter case, but for those that sshore owns."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError
from sshore.config import ConfigError, parse_config
from sshore.config.models import ExecutionConfig, Mode


def execution(**keys: Any) -> ExecutionConfig:
    return parse_config(json.dumps({"docker": {"execution": keys}}), "c.json").docker.execution


def said_about(**keys: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        execution(**keys)
    return str(caught.value)


def test_keys_get_the_spelling_of_the_api_at_every_depth() -> None:
    host = {
        "memory": 5,
        "MOUNTS": [{"type": "tmpfs", "tmpfsoptions": {"sizebytes": 1}}],
        "restartpolicy": {"name": "no"},
        "ulimits": [{"name": "nofile", "soft": 1, "hard": 2}],
        "deviceRequests": [{"deviceids": ["0"], "options": {"Some": "thing"}}],
    }
    assert execution(host=host).host == {
        "Memory": 5,
        "Mounts": [{"Type": "tmpfs", "TmpfsOptions": {"SizeBytes": 1}}],
        "RestartPolicy": {"Name": "no"},
        "Ulimits": [{"Name": "nofile", "Soft": 1, "Hard": 2}],
        "DeviceRequests": [{"DeviceIDs": ["0"], "Options": {"Some": "thing"}}],
    }


def test_keys_of_the_operator_keep_their_case() -> None:
    container = {"labels": {"MyLabel": "X"}, "exposedports": {"80/TCP": {}}, "volumes": {"/Data": {}}}
    host = {
        "sysctls": {"net.Core": "1"},
        "tmpfs": {"/Run": "rw"},
        "logconfig": {"type": "local", "config": {"Max-Size": "1m"}},
        "portbindings": {"80/TCP": [{"hostip": "127.0.0.1", "hostport": "80"}]},
    }
    network = {
        "endpointsconfig": {"MyNet": {"driveropts": {"Some.Opt": "1"}, "ipamconfig": {"ipv4address": "10.0.0.2"}}}
    }
    found = execution(container=container, host=host, network=network)
    assert found.container == {
        "Labels": {"MyLabel": "X"},
        "ExposedPorts": {"80/TCP": {}},
        "Volumes": {"/Data": {}},
    }
    assert found.host == {
        "Sysctls": {"net.Core": "1"},
        "Tmpfs": {"/Run": "rw"},
        "LogConfig": {"Type": "local", "Config": {"Max-Size": "1m"}},
        "PortBindings": {"80/TCP": [{"HostIp": "127.0.0.1", "HostPort": "80"}]},
    }
    endpoint = {"DriverOpts": {"Some.Opt": "1"}, "IPAMConfig": {"IPv4Address": "10.0.0.2"}}
    assert found.network == {"EndpointsConfig": {"MyNet": endpoint}}


def test_values_pass_unharmed() -> None:
    container = {"Env": ["A=  b ", "C"], "Cmd": "a  string", "StopTimeout": 0, "Healthcheck": {"Test": ["NONE"]}}
    host = {"PidsLimit": None, "Memory": 2**62, "ConsoleSize": [24, 80]}
    found = execution(mode="session", container=container, host=host)
    assert found.container == container
    assert found.host == host


def test_an_unknown_key_is_refused_with_a_suggestion_and_its_line() -> None:
    with pytest.raises(ConfigError) as caught:
        parse_config("docker:\n  execution:\n    host:\n      Mounts:\n      - typ: bind\n", "c.yaml")
    assert str(caught.value) == (
        "c.yaml:5: docker.execution.host.Mounts[0].typ: unknown key of the Docker API's Mount, did you mean 'Type'?"
    )


def test_a_key_of_another_structure_is_sent_there() -> None:
    assert "docker.execution.container.Memory: the Docker API has this key in HostConfig" in said_about(
        container={"Memory": 1}
    )


def test_a_key_in_two_spellings_is_refused() -> None:
    assert "docker.execution.container.IMAGE: Image is given twice" in said_about(
        container={"Image": "a", "IMAGE": "b"}
    )


@pytest.mark.parametrize(
    ("section", "key", "value", "sentence"),
    [
        ("host", "Memory", "512m", "expected a whole number, not text"),
        ("host", "Memory", 1e9, "expected a whole number, not a decimal number"),
        ("host", "Privileged", "yes", "expected true or false, not text: 'yes' is a word here"),
        ("host", "Binds", "/a:/b", "expected a list, not text"),
        ("container", "User", 1000, "expected text, not a number: put it in quotes"),
        ("container", "Labels", ["a"], "expected a mapping, not a list"),
        ("container", "Healthcheck", True, "expected a mapping, not true or false"),
    ],
)
def test_a_value_of_the_wrong_type_is_refused(section: str, key: str, value: Any, sentence: str) -> None:
    assert said_about(**{section: {key: value}}).endswith(f"docker.execution.{section}.{key}: {sentence}")


OWNED = [
    ("container", "OpenStdin", True, False),
    ("container", "StdinOnce", True, False),
    ("container", "AttachStdin", True, False),
    ("container", "AttachStdout", False, True),
    ("container", "AttachStderr", False, True),
    ("container", "Tty", False, True),
    ("container", "Entrypoint", [], ["/bin/x"]),
    ("container", "Cmd", [], ["/bin/x"]),
    ("host", "AutoRemove", True, False),
    ("host", "Init", True, False),
]


@pytest.mark.parametrize(("section", "key", "own", "other"), OWNED, ids=[entry[1] for entry in OWNED])
def test_a_key_that_sshore_owns_takes_no_other_value(section: str, key: str, own: Any, other: Any) -> None:
    execution(**{section: {key: own}})
    execution(**{section: {key: None}})
    assert f"docker.execution.{section}.{key}: sshore owns this key" in said_about(**{section: {key.lower(): other}})


def test_in_session_mode_entrypoint_and_cmd_are_free() -> None:
    found = execution(mode="session", container={"Entrypoint": ["/tini"], "Cmd": ["bash"]})
    assert found.container == {"Entrypoint": ["/tini"], "Cmd": ["bash"]}


def test_in_session_mode_output_is_attached() -> None:
    execution(mode="session", container={"AttachStdout": True, "AttachStderr": True})
    said = said_about(mode="session", container={"AttachStdout": False})
    assert "docker.execution.container.AttachStdout: sshore owns this key (true)" in said


def test_the_user_of_programs_is_free_in_both_modes() -> None:
    for mode in Mode:
        assert execution(mode=mode, container={"User": "1000"}).container == {"User": "1000"}


def test_labels_of_sshore_and_restart_policies_are_refused() -> None:
    said = said_about(
        container={"Labels": {"sshore.user": "x", "mine": "y"}}, host={"RestartPolicy": {"Name": "always"}}
    )
    assert "docker.execution.container.Labels.sshore.user: sshore owns every label" in said
    assert "docker.execution.host.RestartPolicy.Name: sshore owns this key" in said
    assert "mine" not in said
    assert execution(host={"RestartPolicy": {"Name": ""}}).host == {"RestartPolicy": {"Name": ""}}


def test_a_nested_host_config_moves_to_host() -> None:
    found = execution(container={"Image": "i", "hostconfig": {"memory": 1}}, host={"Memory": 1, "CapDrop": ["ALL"]})
    assert found.container == {"Image": "i"}
    assert found.host == {"Memory": 1, "CapDrop": ["ALL"]}
    networking = {"EndpointsConfig": {"n": {}}}
    assert execution(container={"NetworkingConfig": networking}).network == networking


def test_a_nested_host_config_that_contradicts_host_is_refused_with_both_paths() -> None:
    said = said_about(container={"HostConfig": {"Memory": 1}}, host={"Memory": 2})
    assert "docker.execution.container.HostConfig.Memory: docker.execution.host.Memory is given as well" in said


def test_an_embedding_program_is_told_the_same() -> None:
    with pytest.raises(ValidationError, match=r"host\.Memry: unknown key .* did you mean 'Memory'\?"):
        ExecutionConfig(host={"Memry": 1})
