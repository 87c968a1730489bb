"""The memory that may wait for clients' programs: their variables, and input that they do not read."""

from __future__ import annotations

from weakref import WeakValueDictionary

from ..config.models import LimitsConfig


class MemoryBudget:
    """Bytes that one client, one user or all of them may keep waiting. Loop only."""

    def __init__(self, most: int, above: MemoryBudget | None = None) -> None:
        """`most` bytes, 0 for any number; what is taken is taken from the budget `above` as well."""
        self.most = most
        self._above = above
        self._taken = 0
        self._closed = False

    @property
    def taken(self) -> int:
        """Bytes that are taken now."""
        return self._taken

    def take(self, size: int) -> bool:
        """Take so many bytes, or none at all; return whether they were there, here and in every budget above."""
        if self._closed or 0 < self.most < self._taken + size or not (self._above is None or self._above.take(size)):
            return False
        self._taken += size
        return True

    def give_back(self, size: int) -> None:
        """They are free again."""
        if self._closed:
            return
        self._taken -= size
        if self._above:
            self._above.give_back(size)

    def close(self) -> None:
        """Whoever had it is gone, and all that was taken is free again. Idempotent."""
        self.give_back(self._taken)
        self._closed = True


class MemoryOfUsers:
    """The budgets of everybody who is connected. Loop only."""

    def __init__(self, config: LimitsConfig) -> None:
        self._config = config
        self._all = MemoryBudget(config.max_memory)
        self._users: WeakValueDictionary[str, MemoryBudget] = WeakValueDictionary()

    def configure(self, config: LimitsConfig) -> None:
        """Hold everybody to other limits from now on. What is taken stays taken."""
        self._config = config
        self._all.most = config.max_memory
        for budget in self._users.values():
            budget.most = config.max_memory_per_user

    def for_connection(self, user: str) -> MemoryBudget:
        """Return the budget of a new connection of this user."""
        above = self._users.setdefault(user, MemoryBudget(self._config.max_memory_per_user, self._all))
        return MemoryBudget(self._config.max_memory_per_connection, above)
