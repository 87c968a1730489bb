"""Waiting for those who are there, once nobody new is let in."""

from __future__ import annotations

import asyncio

from .admission import Admission, Guest

_SENTENCE = "The server is shutting down"
_PAUSE = 0.1
_UNUSED = 5.0
"""A client that has just logged in has a moment to open its channel, or the next one on a shared connection."""


async def drain(admission: Admission, seconds: float) -> None:
    """Wait until every client has left, at most so many seconds. Who has no channel open is sent away. Loop only."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    sent_away: set[Guest] = set()
    for guest in admission.guests():
        guest.tell(f"{_SENTENCE} in {seconds:g} s.")
    while (guests := admission.guests()) and (left := deadline - loop.time()) > 0:
        for guest in guests:
            since = guest.unused_since
            if guest not in sent_away and since is not None and loop.time() - since > _UNUSED:
                sent_away.add(guest)
                guest.disconnect(f"{_SENTENCE}.")
        await asyncio.sleep(min(left, _PAUSE))
