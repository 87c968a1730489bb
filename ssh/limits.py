"""What the connections of one listener share to keep the limits."""

from __future__ import annotations

import time

from ..config.models import LimitsConfig
from .admission import Admission
from .bans import Bans
from .memory import MemoryOfUsers
from .open_sessions import ContainersOfUsers, SessionsOfUsers


class Limits:
    """The limits and the counts that go with them. Loop only."""

    def __init__(self, config: LimitsConfig | None = None) -> None:
        self.config = config or LimitsConfig()
        self.bans = Bans(self.config.ban_after, self.config.ban_decay, time.monotonic)
        self.admission = Admission(self.config, self.bans)
        self.users = SessionsOfUsers()
        self.containers = ContainersOfUsers()
        self.memory = MemoryOfUsers(self.config)

    def renewed(self, config: LimitsConfig) -> Limits:
        """Return other limits for those who come from now on. They share the counts with these, which go on."""
        self.bans.configure(config.ban_after, config.ban_decay)
        self.admission.configure(config)
        self.memory.configure(config)
        renewed = Limits(config)
        renewed.bans, renewed.admission, renewed.users = self.bans, self.admission, self.users
        renewed.containers, renewed.memory = self.containers, self.memory
        return renewed
