"""A server that is started from a file of ContainerSSH's serves what it says."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
from support.server import Server

pytestmark = pytest.mark.engine

Serving = Callable[..., AbstractContextManager[Server]]


def test_a_docker_section_is_served_as_it_is(serving: Serving, engine_host: str, guest_image: str) -> None:
    execution = {
        "container": {"image": guest_image, "user": 1000, "env": ["TEAM=blue"], "cmd": ["/usr/local/bin/menu"]},
        "host": {"readonlyrootfs": True, "networkDisabled": True, "resources": {"pidslimit": 100, "memory": 67108864}},
        "idleCommand": ["/usr/bin/containerssh-agent", "wait-signal", "--signal", "TERM"],
        "shellCommand": ["/bin/bash"],
        "agentPath": "/usr/bin/containerssh-agent",
        "imagePullPolicy": "Never",
    }
    sections = {"backend": "docker", "docker": {"connection": {"host": engine_host}, "execution": execution}}
    with serving({}, sections=sections) as server:
        done = server.ssh("echo $TEAM; id -u; ls /sys/class/net; touch /etc/new || echo read-only")
        assert done.stdout.split() == [b"blue", b"1000", b"lo", b"read-only"]
        assert server.wait_for_log(r'event=configuration_note .*key=docker\.execution\.agentPath note="ignored: ')


def test_disable_command_of_dockerrun_refuses_commands(serving: Serving, engine_host: str, guest_image: str) -> None:
    config = {"container": {"image": guest_image, "cmd": ["/usr/local/bin/menu"]}, "disableCommand": True}
    sections = {"backend": "dockerrun", "docker": None, "dockerrun": {"host": engine_host, "config": config}}
    with serving({}, sections=sections) as server:
        done = server.ssh("id")
        assert (done.returncode, done.stdout) == (255, b"")
        assert b"EXEC_DISABLED" in done.stderr
