"""Who this process is among all gateways: a fresh id, and a lock that lives as long as it does."""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
import time
from pathlib import Path

from ..config.plain_files import fault_of_kind
from ..engine import labels

_DISTRUST = 900.0
"""Seconds in which every gateway has swept, and so held its lock anew, a few times."""


class Gateway:
    """Holds an flock on `STATE/gateways/ID`. The kernel lets it go when the process ends, however it ends.

    Several processes may share one state folder; `machine` is that folder's own id, so that gateways with other
    folders, on this machine or elsewhere, are never judged by locks that cannot be seen from here.
    """

    def __init__(self, state: Path) -> None:
        self._folder = state / "gateways"
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.id = secrets.token_hex(8)
        self.machine = _folder_id(state / "machine")
        self._lock = self._hold()
        self._trusted_from = 0.0

    @property
    def labels(self) -> dict[str, str]:
        """The labels that say which gateway made a container."""
        return {labels.PRESENT: "1", labels.GATEWAY: self.id, labels.MACHINE: self.machine}

    def has_ended(self, gateway_id: str) -> bool:
        """Return whether a gateway of this state folder is dead: nobody holds its lock any more."""
        if gateway_id == self.id or not gateway_id.isalnum():
            return False
        try:
            descriptor = os.open(self._folder / gateway_id, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return time.monotonic() > self._trusted_from
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        else:
            (self._folder / gateway_id).unlink(missing_ok=True)
            return True
        finally:
            os.close(descriptor)

    def keep_lock(self) -> None:
        """Make the folder and the lock again if somebody has removed them. Raises OSError.

        The others' may be gone with it, alive as they are: for a while who has none is not taken for dead.
        """
        if not self._is_in_place():
            self._trusted_from = time.monotonic() + _DISTRUST
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            lost, self._lock = self._lock, self._hold()
            os.close(lost)

    def clear_locks(self) -> None:
        """Remove the locks of dead gateways, such as those that left no container behind. Raises OSError."""
        for lock in self._folder.iterdir():
            self.has_ended(lock.name)

    def close(self) -> None:
        """Let the lock go: this gateway has nothing left. Idempotent."""
        if self._lock >= 0:
            (self._folder / self.id).unlink(missing_ok=True)
            os.close(self._lock)
            self._lock = -1

    def _is_in_place(self) -> bool:
        try:
            return os.path.samestat(os.stat(self._folder / self.id), os.fstat(self._lock))
        except FileNotFoundError:
            return False

    def _hold(self) -> int:
        unseen = self._folder / f".{self.id}"
        descriptor = os.open(unseen, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        # Only a locked file gets its name: nobody can find it and take the lock first.
        unseen.rename(self._folder / self.id)
        return descriptor


def _folder_id(file: Path) -> str:
    # Locked, as a second gateway may start meanwhile: an empty id would be every damaged folder's.
    fault = file.exists() and fault_of_kind(file.stat())
    if fault:
        raise OSError(errno.EINVAL, f"it {fault}", str(file))
    with file.open("a+") as kept:
        fcntl.flock(kept, fcntl.LOCK_EX)
        kept.seek(0)
        known = kept.read().strip()
        if not known:
            known = secrets.token_hex(8)
            kept.write(known)
    return known
