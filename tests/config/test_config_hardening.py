"""What a container is denied unless the operator says otherwise."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from sshore.config.hardening import DROPPED, PIDS_LIMIT, hardened
from sshore.config.load import parse_config
from sshore.config.printing import effective

ALL_BUT_RAW = [name for name in DROPPED if name != "NET_RAW"]
DEFAULTS = {"PidsLimit": PIDS_LIMIT, "SecurityOpt": ["no-new-privileges"], "CapDrop": list(DROPPED)}

lists = st.none() | st.lists(st.sampled_from([*DROPPED, "cap_net_raw", "ALL", "KILL", "SYS_PTRACE"]), max_size=4)
options = st.none() | st.lists(
    st.sampled_from(["seccomp=unconfined", "no-new-privileges", "no-new-privileges:false", "apparmor=x"]), max_size=3
)
hosts = st.fixed_dictionaries(
    {},
    optional={
        "CapAdd": lists,
        "CapDrop": lists,
        "SecurityOpt": options,
        "PidsLimit": st.none() | st.integers(-1, 10),
        "Privileged": st.booleans(),
    },
)


@pytest.mark.parametrize(
    ("host", "key", "value"),
    [
        ({"PidsLimit": 50}, "PidsLimit", 50),
        ({"PidsLimit": -1}, "PidsLimit", -1),
        ({"PidsLimit": 0}, "PidsLimit", 0),
        ({"PidsLimit": None}, "PidsLimit", PIDS_LIMIT),
        ({"SecurityOpt": None}, "SecurityOpt", ["no-new-privileges"]),
        ({"SecurityOpt": []}, "SecurityOpt", []),
        ({"SecurityOpt": ["seccomp=a.json"]}, "SecurityOpt", ["seccomp=a.json", "no-new-privileges"]),
        ({"SecurityOpt": ["no-new-privileges:false"]}, "SecurityOpt", ["no-new-privileges:false"]),
        ({"SecurityOpt": ["no-new-privileges=true"]}, "SecurityOpt", ["no-new-privileges=true"]),
        ({"CapAdd": ["NET_RAW"]}, "CapDrop", ALL_BUT_RAW),
        ({"CapAdd": ["cap_net_raw"]}, "CapDrop", ALL_BUT_RAW),
        ({"CapAdd": ["ALL"]}, "CapDrop", []),
        ({"CapAdd": ["SYS_PTRACE"]}, "CapDrop", list(DROPPED)),
        ({"CapDrop": []}, "CapDrop", []),
        ({"CapDrop": ["ALL"]}, "CapDrop", ["ALL"]),
        ({"CapDrop": ["CHOWN", "MKNOD"]}, "CapDrop", ["CHOWN", "MKNOD", *(x for x in DROPPED if x != "MKNOD")]),
        ({"CapDrop": ["CHOWN"], "CapAdd": ["NET_RAW"]}, "CapDrop", ["CHOWN", *ALL_BUT_RAW]),
    ],
)
def test_each_default_gives_way_to_what_names_its_subject(host: dict[str, Any], key: str, value: object) -> None:
    assert hardened(host) == DEFAULTS | host | {key: value}


def test_a_privileged_container_has_a_limit_of_processes_only() -> None:
    assert hardened({"Privileged": True}) == {"Privileged": True, "PidsLimit": PIDS_LIMIT}


@given(hosts)
def test_what_is_hardened_stays_as_it_is(host: dict[str, Any]) -> None:
    once = hardened(host)
    assert hardened(once) == once


@given(hosts)
def test_nothing_is_dropped_that_was_asked_for(host: dict[str, Any]) -> None:
    result = hardened(host)
    ours = set(result.get("CapDrop") or ()) - set(host.get("CapDrop") or ())
    added = {name.upper().removeprefix("CAP_") for name in host.get("CapAdd") or ()}
    assert not ours & added


@pytest.mark.parametrize("section", ["", "host: {CapAdd: [NET_RAW], SecurityOpt: []}", "host: {Privileged: true}"])
def test_the_effective_configuration_shows_it_and_means_the_same(section: str) -> None:
    config = parse_config(f"docker: {{execution: {{{section}}}}}", "a.yaml")
    shown = effective(config)
    host = yaml.safe_load(shown)["docker"]["execution"]["host"]
    assert host == hardened(config.docker.execution.host)
    assert effective(parse_config(shown, "b.yaml")) == shown
