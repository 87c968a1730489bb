"""Reading files that decide who may log in, as sshd's StrictModes does (sshd_config(5), StrictModes).

A file counts when it and every directory from `base` down to it belong to root or to the gateway's uid and
are writable by nobody else; sticky directories are no exception. sshd's `base` is the user's home; here it is
the directory that the operator named (the part of the pattern before `%u`): what lies above it is as trusted
as the gateway's own configuration. A file whose symlinks lead out of `base` is checked up to `/`.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
"""Errors that say nothing about what was asked for: there are no descriptors or no memory left."""
MAX_BYTES = 1024 * 1024
_WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH


class UnsafeFileError(Exception):
    """A file or a directory above it could be changed by others, or is no plain file; text for operators."""


class ExhaustedError(OSError):
    """No descriptor or no memory was left to read a file with: nothing is known about the file."""


class StrictFile(NamedTuple):
    """The bytes of a file and the `fstat` of the descriptor that they were read from."""

    data: bytes
    status: os.stat_result


def read_strictly(path: Path, base: Path) -> StrictFile:
    """Read a file of at most 1 MiB after checking owner and mode of it and of its directories up to `base`.

    Blocks; any thread may call it. Raises UnsafeFileError, or OSError (FileNotFoundError too) as `open` does, an
    ExhaustedError in want of what it takes, whether or not there is a file.
    """
    try:
        # Needs a descriptor, as the file would: who asks is not to learn by a lack of them which files there are.
        os.close(os.open("/", os.O_RDONLY | os.O_CLOEXEC))
        return _read(path, base)
    except OSError as error:
        if error.errno in EXHAUSTED:
            raise ExhaustedError(error.errno, error.strerror, str(path)) from error
        raise


def _read(path: Path, base: Path) -> StrictFile:
    real = Path(os.path.realpath(path, strict=True))
    for folder in _folders(real, Path(os.path.realpath(base))):
        _check_owner_and_mode(folder, folder.stat())
    # Nobody else can write in these directories, so `real` cannot become a link between the check and here;
    # O_NOFOLLOW says so to the kernel too. O_NONBLOCK: opening a FIFO would wait for its writer.
    descriptor = os.open(real, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise UnsafeFileError(f"{real} is not a regular file")
        _check_owner_and_mode(real, status)
        with open(descriptor, "rb", closefd=False) as file:
            data = file.read(MAX_BYTES + 1)
    finally:
        os.close(descriptor)
    if len(data) > MAX_BYTES:
        raise UnsafeFileError(f"{real} is larger than {MAX_BYTES} bytes")
    return StrictFile(data, status)


def _folders(file: Path, base: Path) -> Iterator[Path]:
    for folder in file.parents:
        yield folder
        if folder == base:
            return


def _check_owner_and_mode(path: Path, status: os.stat_result) -> None:
    if status.st_uid not in (0, os.geteuid()):
        raise UnsafeFileError(f"{path} belongs to uid {status.st_uid}, neither to root nor to uid {os.geteuid()}")
    if status.st_mode & _WRITABLE_BY_OTHERS:
        mode = stat.S_IMODE(status.st_mode)
        raise UnsafeFileError(f"{path} is writable by its group or by everybody (mode {mode:04o})")
