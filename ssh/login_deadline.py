"""How long a client may take to log in: sshd's LoginGraceTime, and a shorter time for the key exchange."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from ..config.models import LimitsConfig
from ..metrics.codes import Code


class LoginDeadline:
    """Runs from the connection's first moment until `stop`. Loop only."""

    def __init__(self, limits: LimitsConfig, late: Callable[[Code, str], None]) -> None:
        """`late` is called with code and cause when the time is over."""
        self._loop = asyncio.get_running_loop()
        self.late = late
        """May be replaced: by whoever answers for the connection now."""
        self._login = limits.login_grace_time
        self._began = self._loop.time()
        self._timer: asyncio.TimerHandle | None = None
        handshake = limits.handshake_time
        if handshake and not 0 < self._login <= handshake:
            self._set(handshake, Code.HANDSHAKE_TIMED_OUT)
        else:
            self.handshake_done()

    def handshake_done(self) -> None:
        """What is left is the time for the login."""
        self.stop()
        if self._login:
            self._set(self._login, Code.LOGIN_TIMED_OUT)

    def stop(self) -> None:
        """Stop the clock. Idempotent."""
        if self._timer:
            self._timer.cancel()
            self._timer = None

    def _set(self, limit: float, code: Code) -> None:
        self._timer = self._loop.call_at(self._began + limit, self._fire, code, f"after {limit:g} s")

    def _fire(self, code: Code, cause: str) -> None:
        self.late(code, cause)
