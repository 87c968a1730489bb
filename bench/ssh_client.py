"""OpenSSH's client as a stopwatch."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import psutil

from .processes import process
from .series import Timing

CIPHER = "aes128-gcm@openssh.com"
_SECONDS = 120
_CHUNK = 65536
_FLOW = 64 * 1024 * 1024
"""Bytes behind which a stream is at its full speed."""
_LOOK_SECONDS = 0.01

Stdin = bytes | int | BinaryIO | None
"""What a program is given: bytes and then the end, a file, or None for a pipe that stays open."""


class SshClient:
    """Runs `ssh` against one server on loopback. `control` is the socket of its open connection, if one is opened."""

    def __init__(self, port: int, key: Path, control: Path, *, user: str = "bench", cipher: str = CIPHER) -> None:
        self._port, self._key, self._control, self._user = port, key, control, user
        self.address = f"{user}@127.0.0.1"
        self._options = ["-F", "none", "-i", str(key)]
        options = {
            "IgnoreUnknown": "ObscureKeystrokeTiming",
            "ObscureKeystrokeTiming": "no",
            "BatchMode": "yes",
            "Ciphers": cipher,
            "IdentitiesOnly": "yes",
            "IdentityAgent": "none",
            "LogLevel": "ERROR",
            "StrictHostKeyChecking": "no",
            "UserKnownHostsFile": "/dev/null",
        }
        for name, value in options.items():
            self._options += ["-o", f"{name}={value}"]
        self._command = ["ssh", "-e", "none", "-p", str(port), *self._options]

    def with_cipher(self, cipher: str) -> SshClient:
        """Return a client of the same server that has a connection of its own."""
        control = self._control.with_suffix(f".{cipher[:6]}")
        return SshClient(self._port, self._key, control, user=self._user, cipher=cipher)

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Hold the connection open that `shared` runs use."""
        command = [*self._command, "-T", "-M", "-N", "-f", "-S", str(self._control), self.address]
        subprocess.run(command, check=True, timeout=_SECONDS, stdin=subprocess.DEVNULL)
        try:
            yield
        finally:
            command = [*self._command, "-S", str(self._control), "-O", "exit", self.address]
            subprocess.run(command, check=False, timeout=_SECONDS, stderr=subprocess.DEVNULL)

    def cold(self, command: str) -> float:
        """Return the milliseconds of a client of its own: connection, command, the client's exit."""
        return _timed([*self._command, "-T", "-n", self.address, command], subprocess.DEVNULL, b"").end

    def fresh(self, command: str, *, stdin: Stdin, says: bytes) -> Timing:
        """Return the times of a client of its own, from nothing to the first byte of `says` and to its exit."""
        return _timed([*self._command, "-T", self.address, command], stdin, says)

    def shared(self, command: str, *, stdin: Stdin = subprocess.DEVNULL, says: bytes = b"") -> float:
        """Return the seconds of a client on the open connection.

        Its output has to be `says`, if that is not empty; else it goes to /dev/null.
        """
        return _timed([*self._on_open_connection(), self.address, command], stdin, says).end / 1e3

    def copy(self, source: Path, target: Path) -> None:
        """Copy a folder to the server, on the open connection."""
        command = ["scp", *self._options, "-P", str(self._port), "-o", f"ControlPath={self._control}", "-q", "-r"]
        subprocess.run(
            [*command, str(source), f"{self.address}:{target}"], check=True, timeout=_SECONDS, stdin=subprocess.DEVNULL
        )

    def prompt(self) -> float:
        """Return the milliseconds from nothing to the first byte of a login shell on a terminal."""
        began = time.perf_counter()
        with self.terminal() as shell:
            assert shell.stdout is not None
            with _watchdog(shell):
                if not shell.stdout.read(1):
                    raise RuntimeError("a shell ended at once")
            return (time.perf_counter() - began) * 1e3

    @contextmanager
    def terminal(self, *command: str) -> Iterator[subprocess.Popen[bytes]]:
        """Run a command, or a login shell, on a terminal, with a client of its own; at the end the client is killed."""
        run = [*self._command, "-tt", self.address, *command]
        with process(run, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0) as started:
            yield started

    @contextmanager
    def streaming(self, command: str) -> Iterator[None]:
        """Run a command that goes on, with a client of its own that throws its output away; it flows by now."""
        with process([*self._command, "-T", "-n", self.address, command], stdout=subprocess.DEVNULL) as started:
            _await_flow(started)
            yield
            if started.poll() is not None:
                raise RuntimeError(f"{command!r} ended too early, with {started.returncode}")

    @contextmanager
    def held(self, command: str, number: int, first: int) -> Iterator[None]:
        """Hold so many sessions on the open connection. Each has said `first` bytes; stdin stays open."""
        sessions: list[subprocess.Popen[bytes]] = []
        run = [*self._on_open_connection(), self.address, command]
        try:
            for _ in range(number):
                started = subprocess.Popen(run, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
                sessions.append(started)
                _read_exactly(started, first)
            yield
        finally:
            for session in sessions:
                session.communicate(timeout=_SECONDS)

    def _on_open_connection(self) -> list[str]:
        return [*self._command, "-T", "-S", str(self._control)]


def _timed(command: Sequence[str], stdin: Stdin, says: bytes) -> Timing:
    pipe = stdin is None or isinstance(stdin, bytes)
    output = subprocess.PIPE if says else subprocess.DEVNULL
    began = time.perf_counter()
    started = subprocess.Popen(command, stdin=subprocess.PIPE if pipe else stdin, stdout=output)
    # `wait` with a timeout sleeps up to 50 ms between looks, which would be what is measured.
    with _watchdog(started):
        if isinstance(stdin, bytes) and started.stdin:
            started.stdin.write(stdin)
            started.stdin.close()
        said = os.read(started.stdout.fileno(), _CHUNK) if started.stdout else b""
        first = time.perf_counter() - began
        said += started.stdout.read() if started.stdout else b""
        status = started.wait()
        end = time.perf_counter() - began
    for stream in (started.stdin, started.stdout):
        if stream:
            stream.close()
    if status or said != says:
        raise RuntimeError(f"{command[-1]!r} ended with {status} and said {said!r}")
    return Timing(first * 1e3, end * 1e3)


@contextmanager
def _watchdog(started: subprocess.Popen[bytes]) -> Iterator[None]:
    timer = threading.Timer(_SECONDS, started.kill)
    timer.start()
    try:
        yield
    except BaseException:
        started.kill()
        started.wait()
        raise
    finally:
        timer.cancel()


def _await_flow(started: subprocess.Popen[bytes]) -> None:
    client, deadline = psutil.Process(started.pid), time.monotonic() + _SECONDS
    while client.io_counters().write_chars < _FLOW:
        if started.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError("a stream does not flow")
        time.sleep(_LOOK_SECONDS)  # a client that throws its output away says nothing


def _read_exactly(started: subprocess.Popen[bytes], size: int) -> None:
    assert started.stdout is not None
    with _watchdog(started):
        while size:
            data = started.stdout.read(min(size, _CHUNK))
            if not data:
                raise RuntimeError("a session ended too early")
            size -= len(data)
