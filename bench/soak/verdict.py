"""Whether anything was left behind."""

from __future__ import annotations

from collections.abc import Iterator

from bench.series import Claim

from .run import RSS_FROM, Record

_COUNTS = ("threads", "fds", "actors", "containers", "connections")
MOST_GROWTH = 1.05
_MORE_BY_CHANCE = {"fds": 2, "threads": 8}
"""Who looks asks for the metrics, and that connection may still be there; the pools of threads for key files and names
begin a thread when all that they have are busy."""
_MOST_STREAMS = 18
"""The engine's events, and what the engine's client keeps for its next call: as many as were last needed at once, 16 at
most."""


def claims_of(record: Record, failures: list[str]) -> list[Claim]:
    """Return what should hold after a run; `failures` are the bugs that the server's log tells of."""
    return list(_claims(record, failures))


def _claims(record: Record, failures: list[str]) -> Iterator[Claim]:
    assert record.warm is not None
    assert record.early is not None
    assert record.end is not None
    name = f"RSS at the end / after {record.early.cycles} cycles"
    # A process that is still warming up grows: only what comes behind its first hundreds tells of a leak.
    aim = f"≤ {MOST_GROWTH}" if record.early.cycles >= RSS_FROM else ""
    yield Claim(name, record.end.rss / record.early.rss, aim)
    for count in _COUNTS:
        before, after = getattr(record.warm, count), getattr(record.end, count)
        limit = before + _MORE_BY_CHANCE.get(count, 0)
        yield Claim(f"{count} at the end, {before} after the warm-up", after, f"≤ {limit}")
    yield Claim("streams at the end", record.end.streams, f"≤ {_MOST_STREAMS}")
    yield Claim("users whom the server failed", len(record.misbehaviour), "≤ 0")
    yield Claim("bugs in the server's log", len(failures), "≤ 0")
