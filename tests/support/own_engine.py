"""A Docker Engine of the test's own, which it may stop, pause and kill."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path

import psutil

from .source_tree import ROOT

_SHIM = "containerd-shim"
_SCRIPT = ROOT / "scripts" / "engine.sh"


class OwnEngine:
    """A second dockerd, started by `scripts/engine.sh` as root, with everything it owns inside `folder`.

    Its containers have no network but `none`. `folder` must be short: a socket's path has 107 bytes at most.
    `listener` is another socket for its API, `arguments` are further ones of dockerd's. `namespace` is the network
    namespace that it is in, without a name a new one. `programs` is a folder of another dockerd and containerd.
    """

    def __init__(
        self,
        folder: Path,
        listener: socket.socket | None = None,
        arguments: Sequence[str] = (),
        namespace: str = "",
        programs: Path | None = None,
    ) -> None:
        self.socket = folder / "docker.sock"
        self.host = f"unix://{self.socket}"
        self._folder = folder
        self._data = folder / "data"
        self.pid_file = folder / "state" / "engine" / "dockerd.pid"
        self._environment = {
            **{name: value for name, value in os.environ.items() if name != "DOCKER_HOST"},
            "SSHORE_STATE": str(folder / "state"),
            "SSHORE_ENGINE_SOCKET": str(self.socket),
            "SSHORE_ENGINE_ARGS": " ".join([f"--data-root {self._data} --bridge=none --iptables=false", *arguments]),
        }
        if programs is not None:
            self._environment["PATH"] = f"{programs}:{self._environment['PATH']}"
        # --bridge=none deletes docker0, which is the first engine's: hence a network namespace of its own.
        self._apart = ("nsenter", f"--net=/run/netns/{namespace}") if namespace else ("unshare", "--net")
        self._inherited: tuple[int, ...] = ()
        if listener is not None:
            self._pass_on(listener)

    def start(self) -> str:
        """Start it unless it answers, wait until it does; return what the script said."""
        return self._run(*self._apart, str(_SCRIPT), "start")

    def stop(self) -> str:
        """End it and wait until it has ended; return what the script said."""
        return self._run(str(_SCRIPT), "stop")

    def discard(self) -> None:
        """End it and let go of its folder, which a killed engine left mounted onto itself."""
        self.stop()
        self._end_orphans()
        subprocess.run(["umount", str(self._data)], check=False, stderr=subprocess.DEVNULL)

    @property
    def pid(self) -> int:
        """The process id of the dockerd that was started last, for signals."""
        return int(self.pid_file.read_text())

    def _pass_on(self, listener: socket.socket) -> None:
        """Have dockerd inherit it as systemd would pass it on: a port of its own would be in its own namespace."""
        self._inherited = (listener.fileno(),)
        first = self._folder / "bin"
        first.mkdir()
        search = f"{self._environment['PATH']}:/usr/local/sbin:/usr/sbin:/sbin"
        dockerd = shutil.which("dockerd", path=search)
        wrapper = first / "dockerd"
        wrapper.write_text(
            f"""#!/bin/bash
exec 3<&{listener.fileno()}
LISTEN_PID=$$ LISTEN_FDS=1 exec {dockerd} "$@"
"""
        )
        wrapper.chmod(0o755)
        self._environment["PATH"] = f"{first}:{search}"
        self._environment["SSHORE_ENGINE_ARGS"] += " -H fd://"

    def _end_orphans(self) -> None:
        """The containers of an engine that was killed live on under their shims."""
        for shim in psutil.process_iter(["name", "cmdline"]):
            if _SHIM in shim.info["name"] and any(str(self._folder) in word for word in shim.info["cmdline"] or ()):
                for process in (*_children(shim), shim):
                    with contextlib.suppress(psutil.NoSuchProcess):
                        process.kill()

    def _run(self, *command: str) -> str:
        done = subprocess.run(
            command,
            env=self._environment,
            pass_fds=self._inherited,
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.NoSuchProcess:
        return []
