"""The FIFO by which a shell that waits gets its order, see `engine/primed_shell.py`."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import secrets
from collections.abc import Callable
from pathlib import Path

from .fifos import give_to

_TO_ITS_OWNER = 0o600
_TO_READERS = 0o644
_FIRST_PAUSE = 0.001
_LONGEST_PAUSE = 0.05


class OrderFifo:
    """A FIFO in a container's directory that nobody has open yet: it costs no pipe until there is an order."""

    def __init__(self, directory: Path, inside: str, *, owner: int | None) -> None:
        """Make it in `directory`, which the container sees as `inside`. `owner` as `FifoSet` has it. Raises OSError."""
        name = f"{secrets.token_hex(16)}.order"
        self.path = f"{inside}/{name}"
        """Where the shell finds it."""
        self._file = directory / name
        os.mkfifo(self._file, _TO_ITS_OWNER)
        if owner is None or not give_to(self._file, owner):
            self._file.chmod(_TO_READERS)

    def open(self) -> int | None:
        """Return a descriptor to write to, which is the caller's to close; None while nobody reads. Raises OSError."""
        try:
            return os.open(self._file, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            if error.errno == errno.ENXIO:
                return None
            raise

    def remove(self) -> None:
        """Remove its name; what is open stays open. Idempotent, never raises."""
        with contextlib.suppress(OSError):
            self._file.unlink()


class OrderDelivery:
    """Writes an order in the running loop, as fast as the shell reads it.

    A shell that has said its pid opens the FIFO within a moment, so it is waited for, `patience` seconds; then `failed`
    is called, as it is when the FIFO cannot be used. A shell that ends in the middle is known by its stream's end.
    """

    def __init__(self, fifo: OrderFifo, order: bytes, patience: float, failed: Callable[[Exception], object]) -> None:
        self._loop = asyncio.get_running_loop()
        self._fifo = fifo
        self._left = memoryview(order)
        self._deadline = self._loop.time() + patience
        self._failed = failed
        self._descriptor: int | None = None
        self._retry: asyncio.TimerHandle | None = None
        self._begin(_FIRST_PAUSE)

    @property
    def complete(self) -> bool:
        """Whether all of it is written."""
        return not self._left

    def close(self) -> None:
        """Give up, or be done: remove the FIFO. Idempotent."""
        if self._retry:
            self._retry.cancel()
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            self._loop.remove_writer(descriptor)
            os.close(descriptor)
        self._fifo.remove()

    def _begin(self, pause: float) -> None:
        try:
            self._descriptor = self._fifo.open()
        except OSError as error:
            self._give_up(error)
            return
        if self._descriptor is not None:
            self._write()
        elif self._loop.time() < self._deadline:
            self._retry = self._loop.call_later(pause, self._begin, min(2 * pause, _LONGEST_PAUSE))
        else:
            self._give_up(TimeoutError("the shell does not read its order"))

    def _give_up(self, error: Exception) -> None:
        self.close()
        self._failed(error)

    def _write(self) -> None:
        assert self._descriptor is not None
        try:
            while self._left:
                self._left = self._left[os.write(self._descriptor, self._left) :]
        except BlockingIOError:
            self._loop.add_writer(self._descriptor, self._write)
            return
        except OSError as error:
            self._give_up(error)
            return
        self.close()
