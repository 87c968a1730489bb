"""The unit files of `deploy/`: systemd takes them, and the server works with what they forbid it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sshore.__main__ import main
from sshore.config.durations import parse_duration
from sshore.config.models import Config
from support.engines import engine_of_kind
from support.gateway import Gateway, StartGateway
from support.posix_lists import give
from support.source_tree import ROOT
from support.unit_sandbox import options_of

SERVICE = ROOT / "deploy" / "sshore.service"
SOCKET = ROOT / "deploy" / "sshore.socket"
SANDBOX = [sys.executable, str(ROOT / "tests" / "support" / "unit_sandbox.py"), str(SERVICE)]
MOST_EXPOSURE = 20
"""Of 100; the server of a network cannot have less than some 15."""


@pytest.fixture
def units(tmp_path: Path) -> Iterator[list[str]]:
    """Copies whose program is one that is there."""
    service = tmp_path / SERVICE.name
    service.write_text(re.sub(r"(?<=^ExecStart=)\S+", "/bin/true", SERVICE.read_text(), flags=re.MULTILINE))
    socket = tmp_path / SOCKET.name
    socket.write_text(SOCKET.read_text())
    return [str(service), str(socket)]


def test_systemd_takes_the_units_without_a_warning(units: list[str]) -> None:
    verified = subprocess.run(["systemd-analyze", "verify", *units], capture_output=True, text=True)
    assert (verified.returncode, verified.stderr) == (0, "")


def test_systemd_thinks_little_of_the_services_exposure(units: list[str]) -> None:
    command = ["systemd-analyze", "security", "--offline=true", f"--threshold={MOST_EXPOSURE}", units[0]]
    judged = subprocess.run(command, capture_output=True, text=True)
    assert judged.returncode == 0, judged.stdout


def test_a_stop_has_the_time_that_a_drain_and_the_removals_may_take() -> None:
    config = Config()
    needed = config.ssh.drain_time + config.docker.timeouts.container_stop
    assert parse_duration(f"{options_of(SERVICE)['TimeoutStopSec'][0]}s") >= needed + 10


def test_the_service_is_started_with_options_that_there_are() -> None:
    _, command, *arguments = options_of(SERVICE)["ExecStart"]
    known = {name for parameter in main.commands[command].params for name in parameter.opts}
    assert {argument for argument in arguments if argument.startswith("--")} <= known


@pytest.mark.engine
def test_the_server_does_its_work_with_what_the_unit_forbids(start_gateway: StartGateway, mode: str) -> None:
    gateway = start_gateway(mode, wrapper=SANDBOX)
    assert _seccomp(gateway) == "2"
    works(gateway)


@pytest.mark.engine
def test_an_engine_over_ssh_is_reached_with_what_the_unit_forbids(
    start_gateway: StartGateway, engine_host: str
) -> None:
    with engine_of_kind("ssh", engine_host) as engine:
        path = {"PATH": engine.path}
        gateway = start_gateway("connection", wrapper=SANDBOX, host=engine.connection, environment=path)
        works(gateway)
        gateway.stop()


def works(gateway: Gateway) -> None:
    """Run what a user runs, and reload."""
    assert gateway.ssh("cat; exit 3", stdin=b"in and out").stdout == b"in and out"
    assert b"/dev/pts/" in gateway.ssh("tty", options=["-tt"]).stdout
    gateway.signal(signal.SIGHUP)
    gateway.wait_for_log("event=reloaded")
    assert gateway.ssh("echo again").stdout == b"again\n"
    assert "Operation not permitted" not in gateway.log


def _seccomp(gateway: Gateway) -> str:
    status = Path(f"/proc/{gateway.pid}/status").read_text()
    return re.findall(r"^Seccomp:\s*(\d)$", status, re.MULTILINE)[0]


def credentials(folder: Path, key: str, *, listed: bool) -> dict[str, str]:
    """A folder as systemd makes one for LoadCredential=, its file given to the user by owner or by list."""
    folder.mkdir()
    file = folder / "host_key"
    file.write_text(key)
    file.chmod(0o400)
    if listed:
        give(file, "user", os.geteuid())
    folder.chmod(0o500)
    return {"CREDENTIALS_DIRECTORY": str(folder)}


@pytest.mark.engine
@pytest.mark.parametrize("listed", [False, True], ids=["owner", "list"])
def test_a_host_key_may_be_one_of_systemds_credentials(
    start_gateway: StartGateway, tmp_path: Path, listed: bool
) -> None:
    given = start_gateway("connection")
    key = given.settings["ssh"]["hostkeys"][0]
    told = credentials(tmp_path / "credentials", key, listed=listed)
    hostkeys = ["${CREDENTIALS_DIRECTORY}/host_key"]
    gateway = start_gateway("connection", environment=told, sections={"ssh": {"hostkeys": hostkeys}})
    known = ["-o", f"UserKnownHostsFile={given.folder}/known_hosts"]
    assert gateway.ssh("echo known", options=known).stdout == b"known\n"
