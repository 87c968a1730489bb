"""A socket proxy as docs/security.md describes it: it lets the listed calls through and nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from .documents import page
from .engine_proxy import EngineProxy


@dataclass(frozen=True)
class Call:
    """A row of the page's table; in `path` a `*` is one name, which for an image may have slashes."""

    method: str
    path: str

    def matches(self, method: str, path: str) -> bool:
        """Whether a request (its path without version, with query) is this call."""
        name = ".+" if self.path.startswith("/images/") else "[^/]+"
        pattern = name.join(map(re.escape, self.path.split("*")))
        return method == self.method and re.fullmatch(pattern, path.partition("?")[0]) is not None


def listed_calls() -> dict[Call, str]:
    """The page's table: each call, and in which mode it is made (`both`, `connection`, `session`)."""
    rows = page("docs/security.md").table("method", "path", "mode", "for")
    return {Call(row["method"], row["path"]): row["mode"] for row in rows}


class AllowingProxy(EngineProxy):
    """Remembers which of the `calls` were made, and what else was asked for in vain."""

    def __init__(self, target: str, calls: Iterable[Call]) -> None:
        self._calls = tuple(calls)
        self.denied: set[Call] = set()
        """Listed, and not let through as long as they stand here."""
        self.made: set[Call] = set()
        self.refused: list[str] = []
        super().__init__(target)

    def permits(self, method: str, path: str) -> bool:
        made = {call for call in self._calls if call.matches(method, path)} - self.denied
        self.made |= made
        if not made:
            self.refused.append(f"{method} {path}")
        return bool(made)
