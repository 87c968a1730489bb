"""A client that has connected and not said yet that it speaks SSH: no more than a socket."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable
from dataclasses import dataclass

from ..actors.refusals import Refused, refuse
from ..metrics.codes import Code
from ..metrics.counters import Metrics
from .admission import Admission, Stage
from .dismissal import reason_of
from .few_lines import FewLines
from .identification import INVALID, LONGEST_LINE, farewell, has_more, identification, is_complete, may_become_valid
from .limits import Limits
from .login_deadline import LoginDeadline
from .settings import Settings
from .sources import source_of

_LONGEST_FAREWELL = 2.0
_LONGEST_SILENCE = 1.0
"""Seconds after its version after which a client is served that waits for the server to begin."""
_UNREAD = 65536


@dataclass(frozen=True, slots=True)
class House:
    """What the visitors of one listener share."""

    settings: Settings
    limits: Limits
    metrics: Metrics
    refusals: FewLines


class Visitor:
    """A socket that is watched until it has said its version; then it is somebody else's. Loop only.

    Where many are not logged in it has to have said more than that: the server's part of the key exchange then comes a
    round trip later. It has cost a few system calls by then: a flood of such sockets is nobody's burden.
    """

    def __init__(self, sock: socket.socket, address: object, house: House, spoke: Callable[[Visitor], None]) -> None:
        """`spoke` is called once, when the client has said its version."""
        self.sock = sock
        self.said = b""
        """What the client has sent so far."""
        self.source = source_of(str(address[0])) if isinstance(address, tuple) else ""
        self.dismissed: tuple[Code, str] | None = None
        """Why the client has to go, of one that was handed on and whose connection is not there yet."""
        self._loop = asyncio.get_running_loop()
        self._house = house
        self._spoke = spoke
        self._open = True
        self._patience: asyncio.TimerHandle | None = None
        self._farewell: asyncio.TimerHandle | None = None
        refusal = self._admission.enter(self)
        if refusal:
            self._turn_away(refuse(*refusal))
            return
        house.metrics.socket_opened()
        self.deadline = LoginDeadline(house.limits.config, self.dismiss)
        self._send(identification(house.settings.software))
        self._loop.add_reader(sock, self._readable)

    def hand_on(self) -> socket.socket:
        """Watch the socket no more: it is the caller's, and so is the client's place in the admission."""
        self._let_go()
        self._house.metrics.socket_handed_on()
        return self.sock

    def abandon(self) -> None:
        """Of one that was handed on, there will be no connection."""
        self._admission.leave(self)
        self.deadline.stop()
        self._house.metrics.socket_lost()

    @property
    def settings(self) -> Settings:
        """What it is served with."""
        return self._house.settings

    @property
    def limits(self) -> Limits:
        """The limits that it is held to."""
        return self._house.limits

    @property
    def is_open(self) -> bool:
        """Whether the socket is still watched here."""
        return self._open

    def dismiss(self, code: Code, cause: str) -> None:
        """Tell the client why, and close the connection."""
        if not self._open:
            self.dismissed = (code, cause)
            return
        if self._farewell is None:
            self._house.refusals.record(refuse(code, cause), self.source)
        self._send(farewell(reason_of(code), refuse(code, cause).user))
        self.close()

    def tell(self, sentence: str) -> None:
        """Nothing: it has no terminal."""

    def disconnect(self, sentence: str) -> None:
        """Close the connection with this sentence."""
        if self._open:
            self._send(farewell(reason_of(None), sentence))
            self.close()

    @property
    def unused_since(self) -> float | None:
        """It is not logged in."""
        return None

    def close(self) -> None:
        """Close the socket. Idempotent; nothing for one that was handed on."""
        if not self._open:
            return
        self._let_go()
        self._admission.leave(self)
        if self._farewell is None:
            self._house.metrics.socket_closed()
            self.deadline.stop()
        self.sock.close()

    @property
    def _admission(self) -> Admission:
        return self._house.limits.admission

    def _readable(self) -> None:
        data = self._receive(LONGEST_LINE + 1 - len(self.said))
        if data is None:
            return
        self.said += data
        if not data:
            self.close()
        elif not may_become_valid(self.said):
            self._house.metrics.socket_closed()
            self.deadline.stop()
            self._admission.leave(self)
            self._admission.see_off(self)
            self._see_off(INVALID)
        elif has_more(self.said) or (is_complete(self.said) and not self._admission.pressed):
            self._goes_on()
        elif is_complete(self.said) and self._patience is None:
            # To say its version costs it nothing. Nearly every client goes on by itself.
            self._admission.reached(self, Stage.WAITING)
            self._patience = self._loop.call_later(_LONGEST_SILENCE, self._goes_on)

    def _goes_on(self) -> None:
        if self._patience:
            self._patience.cancel()
        # Whatever follows waits in the kernel.
        self._loop.remove_reader(self.sock)
        self._admission.reached(self, Stage.WAITING)
        self._spoke(self)

    def _turn_away(self, refused: Refused) -> None:
        self._house.refusals.record(refused, self.source)
        self._see_off(identification(self._house.settings.software) + farewell(reason_of(refused.code), refused.user))

    def _see_off(self, words: bytes) -> None:
        """Say them, and wait a moment until the client has hung up.

        A socket that is closed before what came in was read is reset, and the client may never see them.
        """
        self._send(words)
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_WR)
        self._farewell = self._loop.call_later(_LONGEST_FAREWELL, self.close)
        self._loop.add_reader(self.sock, self._drain)

    def _drain(self) -> None:
        if self._receive(_UNREAD) == b"":
            self.close()

    def _receive(self, most: int) -> bytes | None:
        """Return what has come, b"" at its end, None when there is nothing."""
        try:
            return self.sock.recv(most)
        except (BlockingIOError, InterruptedError):
            return None
        except OSError:
            return b""

    def _send(self, data: bytes) -> None:
        # A few hundred bytes, the first of the connection: the kernel takes them, or the client has gone.
        with contextlib.suppress(OSError):
            self.sock.send(data)

    def _let_go(self) -> None:
        self._open = False
        self._loop.remove_reader(self.sock)
        for timer in filter(None, (self._farewell, self._patience)):
            timer.cancel()
