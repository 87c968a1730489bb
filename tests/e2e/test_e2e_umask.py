"""The umask of programs at an engine that passes its own on, as Docker does with runc 1.5: sshd's, whatever runs."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from docker import DockerClient
from support.certificates import LOOPBACK
from support.engines import copy_image
from support.own_engine import OwnEngine
from support.own_sshd import OwnSshd
from support.server import Server, Serving

pytestmark = [pytest.mark.engine, pytest.mark.timeout(180)]

RUNTIME = r"""#!/bin/bash
# runc, but whatever it starts begins with umask 0; version 1.1 takes it for containers only, hence an exec's shell.
for word in "$@"; do
  case $last in
    --process) sed -i 's#"args":\[#&"/bin/sh","-c","umask 0; exec \\"$@\\"","sh",#' "$word" ;;
    --bundle) sed -i 's/"user":{/&"umask":0,/' "$word/config.json" ;;
  esac
  last=$word
done
exec {runc} "$@"
"""
ASKED = "cd $(mktemp -d); umask; : >file; mkdir folder; stat -c %a file folder"
OPEN = ["0000", "666", "777"]
OF_SSHD = ["0022", "644", "755"]
WAYS = {
    "named pipes": {"pipes": "on", "primed": False},
    "the engine": {"pipes": "off", "primed": False},
    "a shell that waits": {"primed": True},
    "session mode": {"mode": "session"},
}


@pytest.fixture(scope="module")
def open_engine(mini_image: str, engine_host: str) -> Iterator[OwnEngine]:
    """An engine whose programs begin with umask 0."""
    folder = Path(tempfile.mkdtemp(prefix="sshore-"))
    runc = shutil.which("runc", path=f"{os.environ['PATH']}:/usr/local/sbin:/usr/sbin:/sbin")
    runtime = folder / "open-runc"
    runtime.write_text(RUNTIME.replace("{runc}", str(runc)))
    runtime.chmod(0o755)
    own = OwnEngine(folder, arguments=(f"--add-runtime=open={runtime}", "--default-runtime=open"))
    try:
        own.start()
        copy_image(mini_image, engine_host, own.host)
        yield own
    finally:
        own.discard()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def client(open_engine: OwnEngine) -> Iterator[DockerClient]:
    client = DockerClient(base_url=open_engine.host, version="auto")
    yield client
    client.close()


@pytest.fixture(scope="module", params=WAYS)
def way(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def server(
    way: str, serving: Serving, open_engine: OwnEngine, client: DockerClient, mini_image: str
) -> Iterator[Server]:
    section = {"container": {"Image": mini_image}, "host": {"NetworkMode": "none"}, **WAYS[way]}
    with serving(section, host=open_engine.host, client=client, log_level="debug") as server:
        yield server


def test_programs_of_the_engines_own_begin_with_0(client: DockerClient, mini_image: str) -> None:
    container = client.containers.run(mini_image, ["sleep", "60"], detach=True, init=True, network_mode="none")
    try:
        assert container.exec_run(["sh", "-c", ASKED]).output.decode().split() == OPEN
    finally:
        container.remove(force=True)


def test_it_is_what_sshd_gives_that_was_started_with_0(tmp_path: Path) -> None:
    sshd = OwnSshd(tmp_path)
    sshd.start(umask=0)
    try:
        argv = [f"{tmp_path}/bin/ssh", "-p", str(sshd.port), f"{sshd.user}@{LOOPBACK}", ASKED]
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=30, check=True)
    finally:
        sshd.stop()
    assert done.stdout.decode().split() == OF_SSHD


def test_programs_begin_with_sshds(server: Server, way: str) -> None:
    with server.master() as there:
        server.ssh("true", options=there)
        if way == "a shell that waits":
            server.wait_for_log("event=shell_primed .* tty=False")
        assert server.ssh(ASKED, options=there).stdout.decode().split() == OF_SSHD
        assert server.ssh(ASKED, options=[*there, "-tt"]).stdout.decode().split() == OF_SSHD
        if way != "session mode":
            # There a shell is the image's own CMD, and what the engine starts a container with has 022.
            assert server.ssh(options=there, stdin=f"{ASKED}\n".encode()).stdout.decode().split() == OF_SSHD


def test_sftp_does_as_well(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "file").chmod(0o666)
    batch = f"put {tmp_path}/file /tmp/file\nmkdir /tmp/folder\nls -l /tmp\n"
    done = server.run(["sftp", *server.ssh_options, "-b", "-", "sshore"], stdin=batch.encode())
    assert re.findall(r"^([-drwx]{10})", done.stdout.decode(), re.MULTILINE) == ["-rw-r--r--", "drwxr-xr-x"]


def test_the_configured_one_is_taken_exactly(
    serving: Serving, open_engine: OwnEngine, client: DockerClient, mini_image: str
) -> None:
    section = {"container": {"Image": mini_image}, "host": {"NetworkMode": "none"}, "umask": "007"}
    with serving(section, host=open_engine.host, client=client) as server:
        assert server.ssh(ASKED).stdout.decode().split() == ["0007", "660", "770"]
