"""Reading files that somebody else named: each read ends, whatever is there."""

from __future__ import annotations

import errno
import os
import select
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

MOST_BYTES = 1024 * 1024
"""More than any key, certificate, or list of them has."""
_PIPE_SECONDS = 5.0
_CHUNK = 65536
_KINDS = {
    stat.S_IFDIR: "is a folder, not a file",
    stat.S_IFIFO: "is not a regular file but a named pipe",
    stat.S_IFCHR: "is not a regular file but a device",
    stat.S_IFBLK: "is not a regular file but a device",
    stat.S_IFSOCK: "is not a regular file but a socket",
}


def fault_of_kind(status: os.stat_result) -> str | None:
    """Return why what has this `stat` is no file to be read, a predicate for the operator, or None."""
    return _KINDS.get(stat.S_IFMT(status.st_mode))


@contextmanager
def plain_file(path: Path) -> Iterator[BinaryIO]:
    """Open a regular file for reading. Waits for nobody; any thread. Raises OSError, with a reason: a FIFO is none."""
    with _opened(path) as descriptor, _checked(path, descriptor) as file:
        yield file


def read_plain(path: Path, most: int = MOST_BYTES) -> bytes:
    """Read a regular file of at most `most` bytes. Any thread. Raises OSError as `plain_file` does."""
    with plain_file(path) as file:
        return _read(file, most, path)


def read_file_or_pipe(path: Path, most: int, seconds: float = _PIPE_SECONDS) -> bytes:
    """Read a regular file, or a pipe whose writers write and close it within so many seconds, as a shell's `<(…)` is.

    At most `most` bytes. Any thread. Raises OSError, with a reason.
    """
    with _opened(path) as descriptor:
        if stat.S_ISFIFO(os.fstat(descriptor).st_mode):
            return _read_pipe(descriptor, most, seconds, path)
        with _checked(path, descriptor) as file:
            return _read(file, most, path)


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    # Opening a FIFO would wait for its writer, and a terminal might become the process's own.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _checked(path: Path, descriptor: int) -> BinaryIO:
    fault = fault_of_kind(os.fstat(descriptor))
    if fault:
        raise OSError(errno.EINVAL, f"it {fault}", str(path))
    return open(descriptor, "rb", closefd=False)


def _read(file: BinaryIO, most: int, path: Path) -> bytes:
    # A file may grow, and some of the kernel's have no size.
    data = file.read(most + 1)
    if len(data) > most:
        raise OSError(errno.EFBIG, f"it {_too_large(most)}", str(path))
    return data


def _read_pipe(descriptor: int, most: int, seconds: float, path: Path) -> bytes:
    waiting, data, deadline = select.poll(), b"", time.monotonic() + seconds
    waiting.register(descriptor, select.POLLIN)
    while len(data) <= most:
        left = deadline - time.monotonic()
        # A pipe that nobody has opened for writing yet says nothing; one that all writers have left is at its end.
        if left <= 0 or not waiting.poll(left * 1000):
            fault = f"it is a named pipe, and its end did not come within {seconds:g} s"
            raise OSError(errno.ETIMEDOUT, fault, str(path))
        chunk = os.read(descriptor, _CHUNK)
        if not chunk:
            return data
        data += chunk
    raise OSError(errno.EFBIG, f"it {_too_large(most)}", str(path))


def _too_large(most: int) -> str:
    return f"is larger than {most} bytes"
