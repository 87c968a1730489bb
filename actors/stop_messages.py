"""What a session in session mode hears of stops."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StopSuspected:
    """Its client typed Ctrl-Z, or some time went by: a program that was stopped has to go on, as under sshd.

    `pause` is how many seconds went by, 0 for a Ctrl-Z.
    """

    pause: float = 0.0
