"""What a channel has for its client is sent a few packets at a time, however small the client wants them."""

from __future__ import annotations

from collections.abc import Callable

import asyncssh

from .transport_gate import TransportGate
from .work_time import work_time

MOST_PACKETS = 16
"""Packets that are sent at once, half a mebibyte of usual ones; the rest when it is the connection's turn."""


class PacedOutput:
    """Bounds how many packets asyncssh cuts at once. Loop only; made before anything was sent.

    asyncssh sends whatever the client's window allows in packets of the client's size (RFC 4254 §5.1), which may be 1:
    of 64 KiB it makes 65,536 at once. A size of 0 sends nothing.
    """

    def __init__(self, channel: asyncssh.SSHServerChannel[bytes], gate: TransportGate) -> None:
        self._channel = channel
        self._gate = gate
        self._flush = channel._flush_send_buf
        self._waiting = False
        self._at_rest: Callable[[], None] | None = None
        self._job = self._work
        channel._flush_send_buf = self._flushed  # type: ignore[method-assign]  # there is no hook

    def _flushed(self) -> None:
        if self._send(0 if self._waiting else MOST_PACKETS) and not self._waiting:
            self._waiting = True
            self.go_on()

    def go_on(self) -> None:
        """Send what waits. To be called when the connection's transport has room again."""
        if self._waiting:
            self._gate.share.ask(self._job)

    def then(self, callback: Callable[[], None]) -> None:
        """Call it once what may be sent has been: an exit status does not come before the output. One at a time."""
        if self._waiting:
            self._at_rest = callback
        else:
            callback()

    def _work(self, until: float) -> bool:
        # Nobody is there to be told that there is room again once the channel is closed.
        while self._channel._session is not None and self._send(1):
            if self._gate.full:
                return False
            if work_time() >= until:
                self._gate.share.rest()
                return True
        self._waiting = False
        if self._at_rest and self._channel._session is not None:
            callback, self._at_rest = self._at_rest, None
            callback()
        return False

    def _send(self, packets: int) -> bool:
        """Send so many packets at most; return whether more may be sent."""
        channel = self._channel
        window = channel._send_window
        allowed = min(window, packets * channel._send_pktsize)
        channel._send_window = allowed
        self._flush()
        channel._send_window += window - allowed
        return bool(channel._send_buf) and channel._send_window > 0 and channel._send_pktsize > 0
