"""The FIFOs of one session, and the gateway's ends of them."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Callable
from pathlib import Path

from .budget import PipeShare

_ALL = STDIN, STDOUT, STDERR = "in", "out", "err"
_TO_ANYBODY = 0o666
_TO_ITS_OWNER = 0o600


class FifoSet:
    """FIFOs in a container's directory, each open at the gateway's end before anybody is told of it.

    A program that opens `path` + `.in` reads what is written to `take`'s descriptor of that name, what it writes to
    `path` + `.out` or `.err` comes out of theirs. All descriptors are non-blocking and not inherited. `opened` counts
    once the program has its ends: before it an output looks as if it were at its end, and an input has a second writer,
    so that the program's open does not wait. One thread at a time.
    """

    def __init__(
        self,
        directory: Path,
        inside: str,
        budget: PipeShare,
        *,
        owner: int | None = None,
        told: Callable[[str], object] = lambda said: None,
    ) -> None:
        """Make them in `directory`, which the container sees as `inside`. Raises OSError, at the share's end
        BudgetSpentError.

        `owner` is the only uid that may open them, if the gateway can see to that; without one anybody may who sees
        the directory. `told` is to be called by whoever is told whether they are used, with what the launcher said.
        """
        token = secrets.token_hex(16)
        self.path = f"{inside}/{token}"
        """Where the program finds them, without `.in`, `.out`, …"""
        self.budget = budget
        self.told = told
        self._stem = directory / token
        self._units = len(_ALL)
        self._names: list[Path] = []
        self._spare: list[int] = []
        self._ends: dict[str, int] = {}
        budget.require(self._units)
        try:
            for name in _ALL:
                self._make(name, owner)
            for name in (STDOUT, STDERR):
                self._ends[name] = self._open(name, os.O_RDONLY)
            self._spare.append(self._open(STDIN, os.O_RDWR))
            self._ends[STDIN] = self._open(STDIN, os.O_WRONLY)
        except BaseException:
            self.close()
            raise

    def take(self, name: str) -> int:
        """Return the gateway's end of one, which is the caller's to close from now on, and a unit to give back."""
        self._units -= 1
        return self._ends.pop(name)

    def opened(self) -> None:
        """The program has all of its ends open: nobody needs the names any more, and EOF is exact. Idempotent."""
        for descriptor in self._spare:
            os.close(descriptor)
        self._spare.clear()
        for file in self._names:
            # The directory may be gone with its container.
            with contextlib.suppress(OSError):
                file.unlink()
        self._names.clear()

    def close(self) -> None:
        """Close what nobody took, and remove the names. What was taken is given up as well. Idempotent."""
        self.opened()
        for descriptor in self._ends.values():
            os.close(descriptor)
        self._ends.clear()
        units, self._units = self._units, 0
        self.budget.give_back(units)

    def _make(self, name: str, owner: int | None) -> None:
        file = self._file(name)
        os.mkfifo(file, _TO_ITS_OWNER)
        self._names.append(file)
        if owner is None or not give_to(file, owner):
            file.chmod(_TO_ANYBODY)

    def _open(self, name: str, mode: int) -> int:
        return os.open(self._file(name), mode | os.O_NONBLOCK | os.O_CLOEXEC)

    def _file(self, name: str) -> Path:
        return self._stem.with_name(f"{self._stem.name}.{name}")


def give_to(file: Path, owner: int) -> bool:
    """Make a uid the file's owner; return whether it is."""
    try:
        os.chown(file, owner, -1)
    except OSError:
        # A gateway without privileges gives nothing away.
        return owner == os.geteuid()
    return True
