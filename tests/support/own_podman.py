"""A podman service of the test's own, from Debian's podman package."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import time
from pathlib import Path

import psutil

START_SECONDS = 20.0
STOP_SECONDS = 20.0
_COMMAND_SECONDS = 60.0
_PAUSE = 0.05
_MONITOR = "conmon"
_INITS = ("/usr/libexec/podman/catatonit", "/usr/bin/catatonit", "/usr/bin/docker-init")

_CONTAINERS_CONF = """
[containers]
default_ulimits = []
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "runc"
init_path = "{init}"
[network]
network_config_dir = "{folder}/networks"
"""
# runc: Debian's crun refuses a machine with both versions of cgroups. No ulimits: podman raises them to a million
# open files, which a machine may not allow to its root either.

_STORAGE_CONF = """
[storage]
driver = "overlay"
graphroot = "{folder}/storage"
runroot = "{folder}/runroot"
"""


class OwnPodman:
    """`podman system service`, run as root with everything it owns inside `folder`, which must have a short path.

    Its networks are in a network namespace of its own.
    """

    def __init__(self, folder: Path) -> None:
        self.socket = folder / "podman.sock"
        self.host = f"unix://{self.socket}"
        self._folder = folder
        self._log = folder / "podman.log"
        self._process: subprocess.Popen[bytes] | None = None
        (folder / "containers.conf").write_text(_CONTAINERS_CONF.format(folder=folder, init=_init()))
        (folder / "storage.conf").write_text(_STORAGE_CONF.format(folder=folder))
        self._environment = os.environ | {
            "CONTAINERS_CONF": str(folder / "containers.conf"),
            "CONTAINERS_STORAGE_CONF": str(folder / "storage.conf"),
        }
        self._podman = ["unshare", "--net", "podman", "--tmpdir", str(folder / "tmp")]

    def start(self) -> None:
        """Start it and wait until it listens."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [*self._podman, "system", "service", "--time", "0", self.host],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + START_SECONDS
        while not self.socket.exists():
            assert self._process.poll() is None, self._log.read_text()
            assert time.monotonic() < deadline, self._log.read_text()
            time.sleep(_PAUSE)

    def bring(self, image: str, source: str) -> None:
        """Copy an image from the Docker Engine at `source`, under the name that Docker's API gives it."""
        copy = 'docker -H "$1" save "$2" | "${@:3}" load'
        self._run("bash", "-o", "pipefail", "-c", copy, "bash", source, image, *self._podman)
        # podman calls what has no registry in its name `localhost/…`, but takes it for Docker Hub's in its API.
        self._run(*self._podman, "tag", f"localhost/{image}", f"docker.io/{image}")

    def discard(self) -> None:
        """Remove its containers, end it and let go of its folder."""
        self._run(*self._podman, "rm", "--force", "--all", "--time", "0")
        assert self._process is not None
        self._process.terminate()
        self._process.wait(STOP_SECONDS)
        self._end_monitors()
        subprocess.run(
            ["umount", str(self._folder / "storage" / "overlay")], check=False, stderr=subprocess.DEVNULL, timeout=10
        )

    def _end_monitors(self) -> None:
        """The monitor of an exec stays for another five minutes, to clean up behind it."""
        for monitor in psutil.process_iter(["name", "cmdline"]):
            if monitor.info["name"] == _MONITOR and any(
                str(self._folder) in word for word in monitor.info["cmdline"] or ()
            ):
                with contextlib.suppress(psutil.NoSuchProcess):
                    monitor.kill()

    def _run(self, *command: str) -> None:
        done = subprocess.run(
            command,
            env=self._environment,
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_COMMAND_SECONDS,
        )
        assert done.returncode == 0, done.stdout


def _init() -> str:
    """What `Init: true` puts in front of a container's program; Debian's podman only recommends its own."""
    found = next(filter(os.path.exists, _INITS), None)
    assert found, "this test needs catatonit: run scripts/test.sh"
    assert shutil.which("podman"), "this test needs podman: run scripts/test.sh"
    return found
