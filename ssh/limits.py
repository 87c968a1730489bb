"""What the connections of one listener share to keep the limits."""

from __future__ import annotations

import time

from ..config.models import LimitsConfig
from .admission import Admission
from .bans import Bans
from .open_sessions import SessionsOfUsers


class Limits:
    """The limits and the counts that go with them. Loop only."""

    def __init__(self, config: LimitsConfig | None = None) -> None:
        self.config = config or LimitsConfig()
        self.bans = Bans(self.config.ban_after, self.config.ban_decay, time.monotonic)
        self.admission = Admission(self.config, self.bans)
        self.users = SessionsOfUsers(self.config.max_sessions_per_user)
