"""Names, labels, and what sshore asks the engine to create."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sshore.actors.messages import RequestPty
from sshore.actors.naming import connection_labels, container_name
from sshore.actors.refusals import RefusedError
from sshore.actors.requests import SIGNALS, check_env, check_signal
from sshore.actors.specs import (
    bare_environment,
    client_environment,
    guard_user,
    idle_container,
    program_container,
)
from sshore.config.models import ExecutionConfig
from sshore.engine.control_shell import CONTROL_SHELL

DOCKER_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+")


def execution(**section: Any) -> ExecutionConfig:
    return ExecutionConfig.model_validate(section)


@given(st.text(max_size=100))
def test_every_user_gets_a_name_that_docker_takes(username: str) -> None:
    name = container_name("sshore", username)
    assert DOCKER_NAME.fullmatch(name)
    assert len(name) <= 63
    assert name != container_name("sshore", username)


def test_a_name_is_readable() -> None:
    assert re.fullmatch("workshop-alice-[0-9a-f]{12}", container_name("workshop", "alice"))
    assert container_name("sshore", "../../x").startswith("sshore-.._.._x-")


def test_labels_tell_whose_a_container_is() -> None:
    shared = {"sshore": "1", "sshore.gateway": "g"}
    assert connection_labels(shared, "c0ffee", "192.0.2.1:22", "alice") == {
        "sshore": "1",
        "sshore.gateway": "g",
        "sshore.connection": "c0ffee",
        "sshore.client": "192.0.2.1:22",
        "sshore.user": "alice",
    }


def test_what_the_operator_set_is_passed_on_and_what_sshore_owns_is_added() -> None:
    section = execution(
        container={
            "Image": "tools:1",
            "Env": ["A=1"],
            "Labels": {"team": "blue"},
            "WorkingDir": "/x",
            "User": "1000",
        },
        host={"Memory": 1 << 28, "Binds": ["/data:/data:ro"], "NetworkMode": "host"},
        network={"EndpointsConfig": {"own": {}}},
        platform="linux/arm64",
    )
    spec = idle_container(section, "box", {"sshore": "1"})
    assert (spec.name, spec.platform) == ("box", "linux/arm64")
    config = dict(spec.config)
    host = config.pop("HostConfig")
    assert config == {
        "Image": "tools:1",
        "Env": ["A=1"],
        "Labels": {"team": "blue", "sshore": "1"},
        "WorkingDir": "/x",
        "User": "0",
        "Entrypoint": [],
        "Cmd": ["/bin/sh", "-c", CONTROL_SHELL],
        "OpenStdin": True,
        "StdinOnce": True,
        "AttachStdin": True,
        "AttachStdout": False,
        "AttachStderr": False,
        "Tty": False,
        "NetworkingConfig": {"EndpointsConfig": {"own": {}}},
    }
    assert host == {
        "Memory": 1 << 28,
        "Binds": ["/data:/data:ro"],
        "NetworkMode": "host",
        "LogConfig": {"Type": "none"},
        "PidsLimit": 1024,
        "SecurityOpt": ["no-new-privileges"],
        "CapDrop": ["AUDIT_WRITE", "MKNOD", "NET_RAW", "SETFCAP", "SETPCAP", "SYS_CHROOT"],
        "AutoRemove": True,
        "Init": True,
    }


@pytest.mark.parametrize(
    ("section", "mode"),
    [
        ({}, "sshore"),
        ({"host": {"NetworkMode": "none"}}, "none"),
        ({"network": {"EndpointsConfig": {"own": {}}}}, None),
    ],
)
def test_containers_join_sshores_own_network_unless_another_is_configured(
    section: dict[str, Any], mode: str | None
) -> None:
    spec = idle_container(execution(**section), "box", {})
    assert spec.config["HostConfig"].get("NetworkMode") == mode


def test_the_operators_log_driver_is_kept() -> None:
    section = execution(host={"LogConfig": {"Type": "journald"}})
    assert idle_container(section, "box", {}).config["HostConfig"]["LogConfig"] == {"Type": "journald"}


def test_session_mode_leaves_entrypoint_and_command_to_the_image() -> None:
    section = execution(mode="session", container={"Image": "tools:1"})
    config = program_container(section, "box", {}, argv=None, env={}, pty=RequestPty("xterm", 80, 24)).config
    assert "Cmd" not in config
    assert "Entrypoint" not in config
    assert "User" not in config
    assert (config["Tty"], config["AttachStdout"], config["AttachStderr"]) == (True, True, True)


def test_the_operators_variables_win_over_the_clients() -> None:
    section = execution(container={"Env": ["FIXED=operator", "BARE"]})
    given_by_client = {"FIXED": "client", "BARE": "client", "FREE": "a=b"}
    assert client_environment(section, given_by_client) == ["FREE=a=b"]
    config = program_container(section, "box", {}, argv=None, env=given_by_client, pty=None).config
    assert config["Env"] == ["FREE=a=b", "FIXED=operator", "BARE"]


@pytest.mark.parametrize(
    ("user", "name"), [("", "root"), ("0", "root"), ("0:5", "root"), ("web", "web"), ("web:www", "web"), ("1000", None)]
)
def test_where_no_launcher_runs_a_user_that_has_a_name_is_named(user: str, name: str | None) -> None:
    assert bare_environment(user, None) == ({"USER": name, "LOGNAME": name} if name else {})
    assert bare_environment(user, RequestPty("xterm", 80, 24))["SSH_TTY"] == "/dev/pts/0"


@pytest.mark.parametrize(
    ("user", "host", "guard"),
    [
        ("", {}, "0"),
        ("root", {}, "0"),
        ("0:5", {}, "0"),
        ("1000", {}, "1000"),
        ("web:www", {}, "web:www"),
        ("1000", {"SecurityOpt": []}, "0"),
        ("1000", {"SecurityOpt": ["no-new-privileges:false"]}, "0"),
        ("1000", {"SecurityOpt": ["no-new-privileges=true"]}, "1000"),
        ("1000", {"SecurityOpt": ["seccomp=unconfined"]}, "1000"),
        ("1000", {"Privileged": True}, "0"),
    ],
)
def test_a_guard_is_root_where_root_may_signal_the_user(user: str, host: dict[str, Any], guard: str) -> None:
    assert guard_user(execution(mode="session", host=host), user) == guard


@pytest.mark.parametrize("name", ["INT", "TERM", "USR1", "WINCH", "KILL"])
def test_a_signal_is_named_without_sig(name: str) -> None:
    check_signal(name)
    assert name in SIGNALS


@pytest.mark.parametrize("name", ["SIGINT", "int", "", "9", "INT; reboot", "RTMIN"])
def test_any_other_word_is_no_signal(name: str) -> None:
    with pytest.raises(RefusedError, match="SIGNAL_UNKNOWN"):
        check_signal(name)


@given(st.text(min_size=1).filter(lambda name: "=" not in name and "\0" not in name), st.text())
def test_any_other_name_of_a_variable_is_taken(name: str, value: str) -> None:
    if "\0" not in value:
        check_env(name, value)


@pytest.mark.parametrize(("name", "value"), [("FOO", "\ud800"), ("F\udfff", "x"), ("A=B", "x"), ("A", "x\0y")])
def test_a_variable_that_no_bytes_stand_for_is_refused(name: str, value: str) -> None:
    with pytest.raises(RefusedError, match="ENV_INVALID"):
        check_env(name, value)
