"""What is dangerous is said, once for each key; what only looks like it is not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from sshore.config.load import parse_config
from sshore.config.models import LimitsConfig

HOST = "docker.execution.host"


def said(sections: dict[str, Any]) -> list[str]:
    notes = parse_config(json.dumps(sections), "c.json").notes
    assert all(note.line == 1 for note in notes)
    return [note.path for note in notes if note.message.startswith("dangerous: ")]


def of_host(**keys: Any) -> list[str]:
    paths = said({"docker": {"execution": {"host": keys}}})
    assert all(path.startswith(f"{HOST}.") for path in paths)
    return [path.removeprefix(f"{HOST}.") for path in paths]


def bound(source: str) -> bool:
    as_mount = of_host(Mounts=[{"Type": "bind", "Source": source, "Target": "/x"}])
    as_volume = of_host(
        Mounts=[
            {
                "Type": "volume",
                "Target": "/x",
                "VolumeOptions": {"DriverConfig": {"Options": {"type": "none", "o": "bind", "device": source}}},
            }
        ]
    )
    as_bind = of_host(Binds=[f"{source}:/x:ro"])
    assert bool(as_mount) == bool(as_volume) == bool(as_bind)
    return bool(as_bind)


@pytest.mark.parametrize("key", ["NetworkMode", "PidMode", "IpcMode", "UTSMode", "UsernsMode", "CgroupnsMode"])
def test_each_namespace_of_the_host_is_named(key: str) -> None:
    assert of_host(**{key: "host"}) == [key]
    assert of_host(**{key: "private"}) == []


@pytest.mark.parametrize(
    "source",
    [
        *("/", "//", "/.", "/etc/..", "/var/run/docker.sock", "/run/docker.sock", "/var/run", "/run/", "/var"),
        *("/run/containerd", "/var/lib/docker", "/etc", "/root", "/proc", "/dev"),
    ],
)
def test_a_folder_that_leads_to_the_host_is_named_however_it_is_mounted(source: str) -> None:
    assert bound(source)


@pytest.mark.parametrize("source", ["/srv", "/srv/run", "/etc/localtime", "/var/lib/data", "volume", "/runner"])
def test_another_folder_is_not(source: str) -> None:
    assert not bound(source)


def test_the_socket_that_the_configuration_names_counts_too(tmp_path: Path) -> None:
    socket, link = tmp_path / "engine.sock", tmp_path / "link.sock"
    link.symlink_to(socket)
    docker = {"connection": {"host": f"unix://{link}"}, "execution": {"host": {"Binds": [f"{socket}:/s", "/srv:/s"]}}}
    assert said({"docker": docker}) == [f"{HOST}.Binds[0]"]


@pytest.mark.parametrize(
    ("keys", "named"),
    [
        ({"Privileged": True}, ["Privileged"]),
        ({"Privileged": False}, []),
        ({"CapAdd": ["net_raw", "cap_sys_admin", "All"]}, ["CapAdd[1]", "CapAdd[2]"]),
        ({"SecurityOpt": ["no-new-privileges", "seccomp=unconfined"]}, ["SecurityOpt[1]"]),
        ({"SecurityOpt": ["apparmor:unconfined", "label=disable", "systempaths=unconfined"]}, 3),
        ({"SecurityOpt": ["seccomp=/etc/profile.json", "no-new-privileges:false"]}, []),
        ({"MaskedPaths": [], "ReadonlyPaths": []}, ["MaskedPaths", "ReadonlyPaths"]),
        ({"Devices": [{"PathOnHost": "/dev/sda"}, {"PathOnHost": "/dev/null"}]}, ["Devices[0]"]),
        ({"DeviceCgroupRules": ["c 1:3 r", "a *:* rwm"]}, ["DeviceCgroupRules[1]"]),
        ({"PidsLimit": -1}, ["PidsLimit"]),
        ({"PidsLimit": 0}, ["PidsLimit"]),
        ({"PidsLimit": 5}, []),
        ({"CapAdd": [None], "Binds": [None], "Devices": [None], "Mounts": [None], "SecurityOpt": [None]}, []),
        ({"DeviceCgroupRules": [None, "a"], "MaskedPaths": [None]}, ["DeviceCgroupRules[1]"]),
        ({"CapAdd": None, "Binds": None, "Mounts": None, "Devices": None, "SecurityOpt": None}, []),
    ],
)
def test_what_takes_walls_away_is_named(keys: dict[str, Any], named: list[str] | int) -> None:
    found = of_host(**keys)
    assert found == named or len(found) == named


@pytest.mark.parametrize(
    ("host", "dangerous"),
    [
        ("tcp://engine.example:2375", True),
        ("http://192.0.2.1:2375", True),
        ("tcp://[2001:db8::1]:2375", True),
        ("tcp://127.0.0.1:2375", False),
        ("tcp://[::1]:2375", False),
        ("http://localhost:2375", False),
        ("https://engine.example:2376", False),
        ("ssh://engine.example", False),
    ],
)
def test_an_engine_elsewhere_without_tls_is_named(host: str, dangerous: bool) -> None:
    assert said({"docker": {"connection": {"host": host}}}) == ["docker.connection.host"] * dangerous


@pytest.mark.parametrize(
    ("pattern", "dangerous"), [("/k/%u", False), ("/k/%%%u", False), ("/k", True), ("/k/%%u", True)]
)
def test_keys_of_everybody_are_named(pattern: str, dangerous: bool) -> None:
    assert said({"auth": {"authorizedKeys": pattern}}) == ["auth.authorizedKeys"] * dangerous


def test_every_limit_that_there_is_by_default_is_named_when_it_is_switched_off() -> None:
    limited = [field.alias for field in LimitsConfig.model_fields.values() if field.default]
    for name in ("maxStartups", "maxConnections", "maxAuthTries", "loginGraceTime", "maxSessions", "maxEnvSize"):
        assert name in limited
        assert said({"limits": {name: 0}}) == [f"limits.{name}"]
    assert said({"limits": {"idleTimeout": 0, "clientAliveCountMax": 0, "maxCommandLength": 0}}) == []


def test_metrics_on_every_address_are_named_where_they_are_served() -> None:
    for listen in ("0.0.0.0:9100", ":9100", "[::]:9100"):
        assert said({"metrics": {"enable": True, "listen": listen}}) == ["metrics.listen"]
        assert said({"metrics": {"enable": False, "listen": listen}}) == []
    assert said({"metrics": {"enable": True}}) == []
