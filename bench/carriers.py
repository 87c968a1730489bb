"""What carries a program's bytes, by hand and without SSH: the engine's stream, and named pipes."""

from __future__ import annotations

import fcntl
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .rig import Rig

_BUFFER = 256 * 1024
_PIPE_BYTES = 256 * 1024


def stream_out(rig: Rig, container: str, command: str, size: int) -> float:
    """Return the seconds until a program's `size` bytes have come by the engine's stream."""
    began = time.perf_counter()
    stream, early = rig.engine.exec(container, ["/bin/sh", "-c", command])
    buffer, got = bytearray(_BUFFER), len(early)
    with stream:
        while count := stream.recv_into(buffer):
            got += count
    _complete(got, size)
    return time.perf_counter() - began


def stream_in(rig: Rig, container: str, command: str, size: int) -> float:
    """Return the seconds until a program has read `size` bytes from the engine's stream and ended."""
    began = time.perf_counter()
    stream, _ = rig.engine.exec(container, ["/bin/sh", "-c", command])
    piece = bytes(_BUFFER)
    with stream:
        for _ in range(size // _BUFFER):
            stream.sendall(piece)
        stream.shutdown(socket.SHUT_WR)
        while stream.recv(4096):
            pass
    return time.perf_counter() - began


def pipe_out(rig: Rig, container: str, inside: str, command: str, size: int) -> float:
    """Return the seconds until a program's `size` bytes have come by a named pipe."""
    with _pipe(rig.pipes) as path:
        began = time.perf_counter()
        redirected = f"exec >{inside}/{path.name}; {command}"
        stream, _ = rig.engine.exec(container, ["/bin/sh", "-c", redirected])
        # Opening a pipe waits for the other side.
        with stream, path.open("rb", buffering=0) as pipe:
            _widen(pipe.fileno())
            buffer, got = bytearray(_BUFFER), 0
            while count := pipe.readinto(buffer):
                got += count
            while stream.recv(4096):
                pass
    _complete(got, size)
    return time.perf_counter() - began


def pipe_in(rig: Rig, container: str, inside: str, command: str, size: int) -> float:
    """Return the seconds until a program has read `size` bytes from a named pipe and ended."""
    with _pipe(rig.pipes) as path:
        began = time.perf_counter()
        stream, _ = rig.engine.exec(container, ["/bin/sh", "-c", f"exec <{inside}/{path.name}; {command}"])
        piece = bytes(_BUFFER)
        with stream:
            with path.open("wb", buffering=0) as pipe:
                _widen(pipe.fileno())
                for _ in range(size // _BUFFER):
                    pipe.write(piece)
            while stream.recv(4096):
                pass
    return time.perf_counter() - began


@contextmanager
def _pipe(folder: Path) -> Iterator[Path]:
    path = folder / "pipe"
    os.mkfifo(path)
    # What the container's user may do with it does not depend on our umask.
    path.chmod(0o666)
    try:
        yield path
    finally:
        path.unlink()


def _widen(pipe: int) -> None:
    fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)


def _complete(got: int, size: int) -> None:
    if got < size:
        raise RuntimeError(f"the raw program said {got} bytes, not {size}")
