"""A gateway in a container, brought up from deploy/compose.yaml as its users do it, and an OpenSSH client for it."""

from __future__ import annotations

import json
import os
import secrets
import socket
import subprocess
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import asyncssh
import yaml
from docker import DockerClient
from docker.errors import APIError
from docker.models.containers import Container

from .gateway import wait_until
from .leftovers import await_none_but, sshore_containers
from .server import EVENT_SECONDS, USER
from .source_tree import ROOT

COMPOSE_FILE = ROOT / "deploy" / "compose.yaml"
EXAMPLE = ROOT / "deploy" / "sshore.yaml"
IMAGE = "sshore/gateway:latest"
COMPOSE_SECONDS = 60.0
READY_SECONDS = 30.0

_CONTROL_SHELL = "signal_group"
"""A word of its script."""


class GatewayContainer:
    """One project of docker-compose. `folder` gets what the host's /etc/sshore has, and the client's files."""

    def __init__(
        self, folder: Path, client: DockerClient, host: str, execution: Mapping[str, Any], restart: str = "no"
    ) -> None:
        """The configuration is the example's with this section `execution`; `host` is the engine's unix socket."""
        assert host.startswith("unix://"), f"the gateway's container needs the engine's socket, not {host}"
        self.folder = folder
        self.project = f"sshore-tests-{secrets.token_hex(4)}"
        self.port = _free_port()
        self._client = client
        self._users: dict[str, str] = {}
        self._socket = host.removeprefix("unix://")
        self._etc = folder / "etc"
        (self._etc / "keys").mkdir(parents=True)
        key = asyncssh.generate_private_key("ssh-ed25519")
        key.write_private_key(folder / "id")
        (folder / "id").chmod(0o600)
        (self._etc / "keys" / USER).write_text(key.export_public_key().decode())
        config = yaml.safe_load(EXAMPLE.read_text())
        config["docker"]["execution"] = dict(execution)
        (self._etc / "sshore.yaml").write_text(json.dumps(config))
        for path in (self._etc, *self._etc.rglob("*")):
            path.chmod(0o755 if path.is_dir() else 0o644)
        # No test waits half a minute for the first check.
        overrides = {"restart": restart, "healthcheck": {"interval": "1s"}}
        (folder / "tests.yaml").write_text(json.dumps({"services": {"gateway": overrides}}))
        self._write_ssh_config()

    def up(self) -> None:
        """Have docker-compose make it, and wait until it listens."""
        self.compose("up", "-d")
        self.await_listening(1)
        self._users = {"sshore.machine": self.run("cat", "/var/lib/sshore/machine").strip()}

    def down(self) -> None:
        """Remove it with its volume and its network, and what it left of its users' containers."""
        self.compose("down", "-v", "-t", "20")
        for container in self.users_containers():
            self._client.api.remove_container(container, force=True)

    def compose(self, *arguments: str) -> str:
        """Run docker-compose on the project; return what it said."""
        files = ("-f", str(COMPOSE_FILE), "-f", str(self.folder / "tests.yaml"))
        settings = {
            "SSHORE_ETC": str(self._etc),
            "SSHORE_PORT": str(self.port),
            "SSHORE_SOCKET": self._socket,
            "SSHORE_SOCKET_GROUP": str(os.stat(self._socket).st_gid),
        }
        done = subprocess.run(
            ["docker-compose", "-p", self.project, *files, *arguments],
            env=os.environ | settings,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=COMPOSE_SECONDS,
        )
        assert done.returncode == 0, f"{done.args}:\n{done.stdout}"
        return done.stdout

    @property
    def container(self) -> Container:
        """The gateway's container, as it is now."""
        (found,) = self._client.containers.list(all=True, filters={"label": self._label})
        return found

    @property
    def state(self) -> dict[str, Any]:
        """The engine's `State` of it."""
        return dict(self.container.attrs["State"])

    @property
    def log(self) -> str:
        """What all of its processes have said, over all of its starts."""
        return self.container.logs().decode(errors="replace")

    def await_listening(self, times: int) -> None:
        """Wait until it has said for so many times that it listens."""
        try:
            wait_until(lambda: self.log.count("event=listening") >= times, READY_SECONDS)
        except (AssertionError, APIError) as error:
            raise AssertionError(f"{self.state}\n{self.log}") from error

    def await_end(self) -> int:
        """Wait until it has ended; return its status."""
        return int(self.container.wait(timeout=EVENT_SECONDS * 3)["StatusCode"])

    def run(self, *command: str) -> str:
        """Run a command in it, as its user."""
        status, output = self.container.exec_run(list(command))
        assert status == 0, output
        return str(output.decode())

    def kill_gateway(self) -> None:
        """`kill -9` of the gateway itself: in there it is no more than the init's child."""
        self.run("sh", "-c", "kill -9 $(cat /proc/1/task/1/children)")

    def ssh_argv(self, *command: str, options: Sequence[str] = ()) -> list[str]:
        """The command line of a client that runs `command`, or a shell without one."""
        return ["ssh", "-F", str(self.folder / "ssh_config"), *options, "sshore", *command]

    def ssh(self, *command: str) -> subprocess.CompletedProcess[bytes]:
        """Run a client to its end, without a stdin."""
        return subprocess.run(
            self.ssh_argv(*command), stdin=subprocess.DEVNULL, capture_output=True, timeout=30, check=False
        )

    def users_containers(self) -> dict[str, str]:
        """Return name and state by id of those of its users' containers that are there."""
        return sshore_containers(self._client, self._users) if self._users else {}

    def are_guarded(self) -> bool:
        """Whether a control shell or a guard runs in each of its users' containers."""
        return all(self._is_guarded(container) for container in self.users_containers())

    def await_no_container(self, seconds: float = EVENT_SECONDS, but: Collection[str] = ()) -> None:
        """Fail unless the last container of its users goes within so many seconds, `but` those with these ids."""
        left = await_none_but(self._client, but, seconds, self._users)
        assert not left, f"after {seconds:g} s: {sorted(left.values())}\n{self.log}"

    def _is_guarded(self, container: str) -> bool:
        try:
            table = self._client.api.top(container)
        except APIError:
            # It has just ended.
            return False
        command = table["Titles"].index("CMD")
        return any(_CONTROL_SHELL in row[command] for row in table["Processes"] or ())

    @property
    def _label(self) -> str:
        return f"com.docker.compose.project={self.project}"

    def _write_ssh_config(self) -> None:
        (self.folder / "ssh_config").write_text(
            f"""Host *
  HostName 127.0.0.1
  HostKeyAlias sshore
  Port {self.port}
  User {USER}
  IdentityFile {self.folder}/id
  IdentitiesOnly yes
  IdentityAgent none
  UserKnownHostsFile {self.folder}/known_hosts
  StrictHostKeyChecking accept-new
  BatchMode yes
"""
        )


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])
