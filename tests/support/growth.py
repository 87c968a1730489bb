"""How much memory a server takes for what is done to it, and when it has come to a standstill."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import psutil

MIB = 1024 * 1024
GROWTH = 8 * MIB
"""What one client may cost at most, whatever it does."""

_QUIET_SECONDS = 0.7
_LOOKS = 10


class Growth:
    """The resident memory of a process since this was made."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)
        self._before = self._process.memory_info().rss
        forget_peak(pid)

    @property
    def peak(self) -> int:
        """The most bytes beyond those at the beginning."""
        return peak(self._process.pid) - self._before

    async def standstill(self, seconds: float = 30) -> None:
        """Wait until the process waits: it has read and written nothing for a while, and not for want of a processor.

        Whoever looks at it meanwhile, as with a scrape of its metrics, disturbs.
        """
        deadline, since, moved = time.monotonic() + seconds, time.monotonic(), -1
        while time.monotonic() - since < _QUIET_SECONDS:
            assert time.monotonic() < deadline, f"it still works after {seconds:g} s, {self.peak / MIB:.1f} MiB larger"
            await asyncio.sleep(_QUIET_SECONDS / _LOOKS)
            if moved != (moved := self._moved()) or self._process.status() == psutil.STATUS_RUNNING:
                since = time.monotonic()

    def _moved(self) -> int:
        counters = self._process.io_counters()
        return int(counters.read_chars + counters.write_chars)


def forget_peak(pid: int) -> None:
    """Have the kernel measure the peak of resident memory anew (proc(5), clear_refs)."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def peak(pid: int) -> int:
    """The most bytes that were resident since."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))
