"""Where FIFOs are: a directory for each gateway, and in it one for each of its containers."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .budget import PipeBudget
from .fifos import FifoSet
from .order import OrderFifo

MOUNT_POINT = "/run/sshore"
"""Where a container has its directory."""
_TO_THE_GATEWAY = 0o700
_TO_WHO_KNOWS_A_NAME = 0o711
_ROOT = ("", "0", "root")


class ContainerDirectory:
    """One container's directory, which nothing else sees but the gateway. Any thread."""

    def __init__(self, path: Path, budget: PipeBudget) -> None:
        """Make it. Raises OSError."""
        self.path = path
        self._budget = budget
        path.mkdir(mode=_TO_WHO_KNOWS_A_NAME)
        # mkdir's mode is the umask's to narrow.
        path.chmod(_TO_WHO_KNOWS_A_NAME)

    @property
    def mount(self) -> dict[str, Any]:
        """An entry of the Docker API's `HostConfig.Mounts`. Unlike a bind it makes nothing on the engine's host."""
        return {"Type": "bind", "Source": str(self.path), "Target": MOUNT_POINT, "ReadOnly": True}

    def make_set(
        self, *, holder: str = "", owner: int | None = None, told: Callable[[str], object] = lambda said: None
    ) -> FifoSet:
        """Return `.in`, `.out` and `.err`, of `holder`'s share; the others are `FifoSet`'s. Raises as it does."""
        return FifoSet(self.path, MOUNT_POINT, self._budget.share_of(holder), owner=owner, told=told)

    def make_order(self, *, owner: int | None = None) -> OrderFifo:
        """Return a new FIFO for a shell that waits. `owner` as `FifoSet` has it. Raises OSError."""
        return OrderFifo(self.path, MOUNT_POINT, owner=owner)

    def remove(self) -> None:
        """Remove it, whatever is in it. What is open stays open. Idempotent, never raises."""
        shutil.rmtree(self.path, ignore_errors=True)


class GatewayDirectory:
    """One gateway's directory, `BASE/MACHINE.GATEWAY`, which nobody else on the host may enter. Any thread.

    `machine` is the id of the state folder whose gateways know of each other's end.
    """

    def __init__(self, base: Path, machine: str, gateway: str) -> None:
        """Nothing is made before a container needs it."""
        self.budget = PipeBudget()
        self._base = base.absolute()
        self._machine = machine
        self._gateway = gateway
        self._own = self._base / f"{machine}.{gateway}"

    def for_container(self, name: str) -> ContainerDirectory:
        """Make the directory of a container that is about to be created. Raises OSError."""
        self._base.mkdir(mode=_TO_THE_GATEWAY, parents=True, exist_ok=True)
        self._own.mkdir(mode=_TO_THE_GATEWAY, exist_ok=True)
        return ContainerDirectory(self._own / name, self.budget)

    def sweep(self, has_ended: Callable[[str], bool]) -> None:
        """Remove the directories of gateways that have ended. Never raises."""
        for path in _inside(self._base):
            machine, _, gateway = path.name.partition(".")
            if machine == self._machine and gateway != self._gateway and has_ended(gateway):
                shutil.rmtree(path, ignore_errors=True)

    def close(self) -> None:
        """Remove it with all that is in it. Idempotent, never raises."""
        shutil.rmtree(self._own, ignore_errors=True)


def _inside(path: Path) -> list[Path]:
    try:
        return list(path.iterdir())
    except OSError:
        return []


def known_uid(user: str) -> int | None:
    """Return the uid of a `User` as the Docker API has it, None where only the image knows."""
    name = user.partition(":")[0]
    if name in _ROOT:
        return 0
    return int(name) if name.isdecimal() else None
