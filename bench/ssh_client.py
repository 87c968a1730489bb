"""OpenSSH's client as a stopwatch."""

from __future__ import annotations

import subprocess
import threading
import time
from pathlib import Path
from typing import BinaryIO

CIPHER = "aes128-gcm@openssh.com"
_SECONDS = 120


class SshClient:
    """Runs `ssh` against one server on loopback. `control` is the socket of its open connection, if one is opened."""

    def __init__(self, port: int, key: Path, control: Path) -> None:
        self._control = control
        self._command = ["ssh", "-F", "none", "-T", "-i", str(key), "-p", str(port)]
        options = {
            "BatchMode": "yes",
            "Ciphers": CIPHER,
            "IdentitiesOnly": "yes",
            "IdentityAgent": "none",
            "LogLevel": "ERROR",
            "StrictHostKeyChecking": "no",
            "UserKnownHostsFile": "/dev/null",
        }
        for name, value in options.items():
            self._command += ["-o", f"{name}={value}"]

    def open(self) -> None:
        """Open the connection that `shared` runs use."""
        self._run([*self._command, "-M", "-N", "-f", "-S", str(self._control), "bench@127.0.0.1"])

    def close(self) -> None:
        """Close it, if it is open."""
        command = [*self._command, "-S", str(self._control), "-O", "exit", "bench@127.0.0.1"]
        subprocess.run(command, check=False, timeout=_SECONDS, stderr=subprocess.DEVNULL)

    def cold(self, command: str) -> float:
        """Return the milliseconds of a client of its own: connection, command, the client's exit."""
        return self._timed([*self._command, "-n", "bench@127.0.0.1", command], subprocess.DEVNULL, b"") * 1e3

    def shared(
        self,
        command: str,
        *,
        stdin: bytes | int | BinaryIO | None = subprocess.DEVNULL,
        says: bytes = b"",
    ) -> float:
        """Return the seconds of a client on the open connection.

        `stdin` is what it is given: bytes and then the end, a file, or None for a pipe that stays open. Its output has
        to be `says`, if that is not empty; else it goes to /dev/null.
        """
        return self._timed([*self._command, "-S", str(self._control), "bench@127.0.0.1", command], stdin, says)

    def _timed(self, command: list[str], stdin: bytes | int | BinaryIO | None, says: bytes) -> float:
        pipe = stdin is None or isinstance(stdin, bytes)
        output = subprocess.PIPE if says else subprocess.DEVNULL
        began = time.perf_counter()
        process = subprocess.Popen(command, stdin=subprocess.PIPE if pipe else stdin, stdout=output)
        # `wait` with a timeout sleeps up to 50 ms between looks, which would be what is measured.
        watchdog = threading.Timer(_SECONDS, process.kill)
        watchdog.start()
        try:
            if isinstance(stdin, bytes) and process.stdin:
                process.stdin.write(stdin)
                process.stdin.close()
            said = process.stdout.read() if process.stdout else b""
            status = process.wait()
            elapsed = time.perf_counter() - began
        finally:
            watchdog.cancel()
            process.kill()
            process.wait()
        if process.stdin:
            process.stdin.close()
        if process.stdout:
            process.stdout.close()
        if status or said != says:
            raise RuntimeError(f"{command[-1]!r} ended with {status} and said {said!r}")
        return elapsed

    def _run(self, command: list[str]) -> None:
        subprocess.run(command, check=True, timeout=_SECONDS, stdin=subprocess.DEVNULL)
