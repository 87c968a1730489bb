"""Whether a gateway's named pipes reach its engine's containers: who gets them, and what was learnt of the engine."""

from __future__ import annotations

import errno
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..errors import EngineError, Refused, ServerFault
from ..launcher import CLOSED, PIPED, NamedPipes
from .directories import ContainerDirectory, GatewayDirectory, known_uid
from .fifos import FifoSet
from .order import OrderFifo

_PASSING = (errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE, errno.ENOMEM)
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class Sharing:
    """One gateway's and one engine's. Any thread.

    `lost` is called once, with the cause, when it turns out that no container will see the pipes.
    """

    def __init__(self, base: Path, machine: str, gateway: str, lost: Callable[[str], object]) -> None:
        """`base` is where the directories of gateways are. On a system without boot ids there are no pipes."""
        self.boot_id = ""
        self._lost = lost
        self._lock = threading.Lock()
        self._cause = ""
        self._maps_users = False
        self._proved = False
        self._base = str(base.absolute())
        self._directory = GatewayDirectory(base, machine, gateway)
        try:
            self.boot_id = _BOOT_ID.read_text().strip()
        except OSError as error:
            self.give_up(str(error))

    @property
    def is_lost(self) -> bool:
        """Whether containers need no directory any more."""
        return bool(self._cause)

    def give_up(self, cause: str) -> None:
        """The engine's containers do not see the gateway's directories."""
        with self._lock:
            first = not self._cause
            self._cause = self._cause or cause
        if first:
            self._lost(cause)

    def for_container(self, name: str, *, must: bool) -> ContainerPipes | None:
        """Make the directory of a container that is about to be created, None if there is no use in it.

        With `must` it is tried whatever was learnt, and OSError raised if it cannot be made.
        """
        if self._cause and not must:
            return None
        try:
            return ContainerPipes(self, self._directory.for_container(name), must=must)
        except OSError as error:
            if must:
                raise
            if error.errno not in _PASSING:
                self.give_up(str(error))
            return None

    def may_be_why(self, error: EngineError) -> bool:
        """Whether a create may have failed for its mount: a path that the engine does not see, or that is forbidden."""
        return isinstance(error, Refused | ServerFault) and any(
            word in error.detail.lower() for word in (self._base.lower(), "mount", "bind")
        )

    def owner_of(self, user: str) -> int | None:
        """Return the uid that the FIFOs of this `User` are to belong to, None where it is not known."""
        return None if self._maps_users else known_uid(user)

    @property
    def is_proved(self) -> bool:
        """Whether a launcher that could be believed has used its pipes."""
        return self._proved

    def launcher_said(self, said: str) -> None:
        """A launcher that no user can have put something else in the place of has told whether it uses its pipes.

        Once one does, who says otherwise speaks for its own program: there may be another image by now.
        """
        if said == PIPED:
            self._proved = True
        elif self._proved:
            return
        elif said == CLOSED and not self._maps_users:
            # The likeliest reason: the engine has user namespaces, where uid 1000 is another one.
            self._maps_users = True
        else:
            self.give_up(f"the launcher says: {said}")

    def sweep(self, has_ended: Callable[[str], bool]) -> None:
        """Remove what dead gateways left. Never raises."""
        self._directory.sweep(has_ended)

    def close(self) -> None:
        """Remove everything of this gateway's. Idempotent, never raises."""
        self._directory.close()


class ContainerPipes:
    """The pipes of one container. Any thread."""

    def __init__(self, sharing: Sharing, directory: ContainerDirectory, *, must: bool) -> None:
        self.must = must
        self.holder = ""
        """The user whose share of the memory of pipes its programs take."""
        self._sharing = sharing
        self._directory = directory
        self._programs = 0
        self._believed = False
        self._lost = False

    @property
    def mount(self) -> dict[str, Any]:
        """An entry of the Docker API's `HostConfig.Mounts`."""
        return self._directory.mount

    def program_starts(self, *, plain: bool) -> None:
        """A user's program is about to be started in the container, its launcher first; before its `make_set`.

        `plain`: it has no terminal, and the client has set no variable by which the launcher's shell might do something
        else. What the launcher of the first program says counts for the whole gateway if that is a plain one, unless
        another has started meanwhile: until then nobody was in the container to change what runs there, and the image
        is the operator's.
        """
        self._programs += 1
        self._believed = plain and self._programs == 1

    def make_set(self, user: str) -> FifoSet | None:
        """Return the FIFOs of a program that runs as `user`, None once a launcher has found that it cannot use them.

        Raises OSError without a descriptor left; BudgetSpentError while the pipes of its `holder` have all the memory
        that they may take.
        """
        if self._is_lost and not self.must:
            return None
        return self._directory.make_set(
            holder=self.holder, owner=self._sharing.owner_of(user), told=self._launcher_said
        )

    def make_order(self, user: str) -> OrderFifo | None:
        """Return a FIFO for the order of a shell that waits as `user`, None if none can be used."""
        if self._is_lost:
            return None
        try:
            return self._directory.make_order(owner=self._sharing.owner_of(user))
        except OSError:
            return None

    @property
    def boot_id(self) -> str:
        """The kernel's that the pipes are on."""
        return self._sharing.boot_id

    def told_to(self, fifos: FifoSet) -> NamedPipes:
        """Return what a launcher has to be told of them."""
        return NamedPipes(fifos.path, self._sharing.boot_id, self.must)

    def not_shared(self, error: EngineError) -> bool:
        """Return whether a create that failed with `error` is worth another try without the mount."""
        return not self.must and self._sharing.may_be_why(error)

    def give_up(self, cause: str) -> None:
        """The container was created without the mount: this is why it had to be."""
        self._sharing.give_up(cause)

    def remove(self) -> None:
        """Remove the directory. What is open stays open. Idempotent, never raises."""
        self._directory.remove()

    @property
    def _is_lost(self) -> bool:
        return self._lost or self._sharing.is_lost

    def _launcher_said(self, said: str) -> None:
        # In another thread than `program_starts`, which is called before the engine is asked for the program.
        if self._believed:
            self._sharing.launcher_said(said)
        elif said != PIPED and not self._sharing.is_proved:
            self._lost = True
