"""The time that a session may be idle, and the time that it may last."""

from __future__ import annotations

from collections.abc import Callable

from ..config.durations import format_duration
from ..config.models import LimitsConfig
from ..metrics.codes import Code
from .countdown import Countdown


class SessionTime:
    """Runs from the start of the session's program until `stop`. Loop only."""

    def __init__(self, limits: LimitsConfig, tell: Callable[[str], None], ended: Callable[[Code, str], None]) -> None:
        """`tell` gets the warnings, `ended` code and cause when one of the times is over."""
        self._tell = tell
        self._idle = Countdown(
            limits.idle_timeout,
            lambda: ended(Code.SESSION_IDLE, f"limits.idleTimeout is {format_duration(limits.idle_timeout)}"),
            limits.timeout_warning,
            lambda left: self._warn(left, "unless something is typed or printed"),
        )
        self._whole = Countdown(
            limits.session_timeout,
            lambda: ended(
                Code.SESSION_TIME_OVER, f"limits.sessionTimeout is {format_duration(limits.session_timeout)}"
            ),
            limits.timeout_warning,
            lambda left: self._warn(left, "because its time is over"),
        )
        self.touch = self._idle.touch
        """Something went in or out."""

    def start(self) -> None:
        """The program was asked for."""
        self._idle.start()
        self._whole.start()

    def stop(self) -> None:
        """The session is over. Idempotent."""
        self._idle.stop()
        self._whole.stop()

    def _warn(self, left: float, why: str) -> None:
        self._tell(f"This session ends in {_seconds(left)}, {why}.")


def _seconds(left: float) -> str:
    return f"{left:.0f} s" if left >= 0.95 else f"{left:.1f} s"
