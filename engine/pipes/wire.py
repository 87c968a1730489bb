"""The gateway's ends of a program's FIFOs, as the loop reads and writes them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence

from ..event_batch import event_batch
from ..scratch import scratch
from .budget import GROWN_SIZE, PipeShare
from .growth import BusyPipe
from .late_readers import LateReaders, watch_late_readers


class FifoWire:
    """A writing end, which it owns, with as much of a socket's face as a `StdinWriter` needs."""

    def __init__(self, loop: asyncio.AbstractEventLoop, descriptor: int, budget: PipeShare) -> None:
        self._loop = loop
        self._descriptor = descriptor
        self._busy = BusyPipe(loop, budget, descriptor)
        self._late_readers: LateReaders | None = None

    def fileno(self) -> int:
        return self._descriptor

    def sendmsg(self, pieces: Sequence[bytes | memoryview]) -> int:
        """Raises BrokenPipeError once nobody reads any more."""
        size = os.writev(self._descriptor, pieces)
        self._busy.moved(size)
        return size

    def shutdown(self, how: int) -> None:
        """There is only one direction: this is the end, for whoever opens the FIFO from now on as well."""
        if self._descriptor >= 0:
            self._late_readers = watch_late_readers(self._loop, self._descriptor)
        self._close_end()

    def close(self) -> None:
        """Idempotent."""
        if self._late_readers:
            self._late_readers.close()
        self._close_end()

    def _close_end(self) -> None:
        self._busy.close()
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


class FifoReader:
    """A reading end, which it owns. All in the loop's thread; `deliver` gets what is valid during the call only."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        descriptor: int,
        budget: PipeShare,
        deliver: Callable[[memoryview], None],
        ended: Callable[[], object],
    ) -> None:
        self._loop = loop
        self._descriptor = descriptor
        self._busy = BusyPipe(loop, budget, descriptor)
        self._deliver = deliver
        self._ended = ended
        self._reads = False

    @property
    def open(self) -> bool:
        """Whether more may come."""
        return self._descriptor >= 0

    def resume(self) -> None:
        """Read from the loop's next turn on. Idempotent."""
        if self.open and not self._reads:
            self._reads = True
            self._loop.add_reader(self._descriptor, self._readable)

    def pause(self) -> None:
        """Idempotent."""
        if self._reads:
            self._reads = False
            self._loop.remove_reader(self._descriptor)

    def take_rest(self) -> bool:
        """Take what is in the pipe, at most what one can hold, and wait for no more; return whether that was the end.

        `ended` is not called.
        """
        left, size = GROWN_SIZE, None
        while self.open and left > 0 and (size := self._read()):
            left -= size
        over = not self.open or size == 0
        self.close()
        return over

    def discard(self, seconds: float) -> None:
        """Nobody listens any more: read for so long and deliver nothing, so that a program that is being ended may
        still say something. `ended` is not called."""
        if self.open:
            self._deliver = self._ended = _ignore
            self.resume()
            self._loop.call_later(seconds, self.close)

    def close(self) -> None:
        """Idempotent; `ended` is not called."""
        self.pause()
        self._busy.close()
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def _readable(self) -> None:
        event_batch.deal(self._take)

    def _take(self) -> None:
        if self._read() == 0:
            self.close()
            self._ended()

    def _read(self) -> int | None:
        """Return how much there was, 0 at the end, None if there is nothing now."""
        try:
            size = os.readv(self._descriptor, [scratch.view])
        except (BlockingIOError, InterruptedError):
            return None
        if size:
            self._busy.moved(size)
            self._deliver(scratch.view[:size])
        return size


def _ignore(*_: object) -> None:
    """For output that nobody hears, and its end."""
