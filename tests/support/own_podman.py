"""A podman service of the test's own: this machine's, or that of another Debian in a root folder."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import psutil

START_SECONDS = 20.0
STOP_SECONDS = 20.0
_COMMAND_SECONDS = 60.0
_PAUSE = 0.05
_MONITOR = "conmon"
_INITS = ("usr/libexec/podman/catatonit", "usr/bin/catatonit", "usr/bin/docker-init")
_PATH_IN_ROOT = "/usr/sbin:/usr/bin:/sbin:/bin"
_ENTER = """
root=$1 shared=$2
shift 2
mount --bind "$root" "$root"
for folder in proc sys dev; do mount --rbind "/$folder" "$root/$folder"; done
mount -t tmpfs tmpfs "$root/run"
mkdir -p "$root$shared"
mount --rbind "$shared" "$root$shared"
cd "$root"
pivot_root . mnt
cd /
umount -l /mnt
exec "$@"
"""
# In a mount namespace of its own. The folder of temporary files has the same path inside: named pipes are made there.
# chroot would not do: what is exec'd in a container joins its mount namespace, whose root would be the machine's.

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

    Its networks are in a network namespace of its own. With `root` it is the podman of that root folder.
    """

    def __init__(self, folder: Path, root: Path | None = None) -> None:
        self.socket = folder / "podman.sock"
        self.host = f"unix://{self.socket}"
        self._folder = folder
        self._log = folder / "podman.log"
        self._process: subprocess.Popen[bytes] | None = None
        (folder / "containers.conf").write_text(_CONTAINERS_CONF.format(folder=folder, init=_init(root)))
        (folder / "storage.conf").write_text(_STORAGE_CONF.format(folder=folder))
        self._environment = os.environ | {
            "CONTAINERS_CONF": str(folder / "containers.conf"),
            "CONTAINERS_STORAGE_CONF": str(folder / "storage.conf"),
        }
        self._podman = ["podman", "--tmpdir", str(folder / "tmp")]
        self._apart = ["unshare", "--net"]
        if root is not None:
            enter = ["sh", "-e", "-c", _ENTER, "sh", str(root), _folder_of_tests()]
            self._apart += ["--mount", "--propagation", "private", *enter]
            self._environment["PATH"] = f"{os.environ['PATH']}:{_PATH_IN_ROOT}"
        self._has_root = root is not None

    def start(self) -> None:
        """Start it and wait until it listens."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [*self._apart, *self._podman, "system", "service", "--time", "0", self.host],
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
        said = self._run("bash", "-o", "pipefail", "-c", copy, "bash", source, image, *self._beside)
        loaded = re.findall(r"^Loaded image: (\S+)$", said, re.MULTILINE)
        # podman calls what has no registry in its name `localhost/…`, but takes it for Docker Hub's in its API.
        self._run(*self._beside, "tag", loaded[-1], f"docker.io/{image}")

    def discard(self) -> None:
        """Remove its containers, end it and let go of its folder."""
        self._run(*self._beside, "rm", "--force", "--all", "--time", "0")
        assert self._process is not None
        self._process.terminate()
        self._process.wait(STOP_SECONDS)
        self._end_monitors()
        subprocess.run(
            ["umount", str(self._folder / "storage" / "overlay")], check=False, stderr=subprocess.DEVNULL, timeout=10
        )

    @property
    def _beside(self) -> list[str]:
        """A podman beside the service; in its mount namespace, if it has one of its own."""
        if not self._has_root:
            return [*self._apart, *self._podman]
        assert self._process is not None
        return ["nsenter", f"--target={self._process.pid}", "--mount", "--net", "--root", "--wd=/", *self._podman]

    def _end_monitors(self) -> None:
        """The monitor of an exec stays for another five minutes, to clean up behind it."""
        for monitor in psutil.process_iter(["name", "cmdline"]):
            if monitor.info["name"] == _MONITOR and any(
                str(self._folder) in word for word in monitor.info["cmdline"] or ()
            ):
                with contextlib.suppress(psutil.NoSuchProcess):
                    monitor.kill()

    def _run(self, *command: str) -> str:
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
        return done.stdout


def _init(root: Path | None) -> str:
    """What `Init: true` puts in front of a container's program; Debian's podman only recommends its own."""
    found = next((init for init in _INITS if ((root or Path("/")) / init).exists()), None)
    assert found, "this test needs catatonit: run scripts/test.sh"
    assert root or shutil.which("podman"), "this test needs podman: run scripts/test.sh"
    return f"/{found}"


def _folder_of_tests() -> str:
    """Return the folder of all that tests write; in a run side by side a worker's temporary files are a part of it."""
    return os.environ.get("SSHORE_TESTS_ROOM") or tempfile.gettempdir()
