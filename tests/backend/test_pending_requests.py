"""However many window changes and signals a client sends, few wait for an actor."""

from __future__ import annotations

from sshore.actors.messages import ResizeWindow, SendSignal
from sshore.backend.pending_requests import PendingRequests, Request


def test_of_window_changes_the_first_and_the_last_are_told() -> None:
    told: list[Request] = []
    pending = PendingRequests(told.append)
    for columns in range(1, 1001):
        pending.add(ResizeWindow(columns, 24))
    assert told == [ResizeWindow(1, 24)]
    pending.taken(told[0])
    assert told == [ResizeWindow(1, 24), ResizeWindow(1000, 24)]
    pending.taken(told[1])
    assert len(told) == 2
    pending.add(ResizeWindow(5, 24))
    assert told[2:] == [ResizeWindow(5, 24)]


def test_a_signal_that_is_pending_is_not_sent_twice_but_others_are() -> None:
    told: list[Request] = []
    pending = PendingRequests(told.append)
    for _ in range(1000):
        pending.add(SendSignal("USR1"))
        pending.add(SendSignal("TERM"))
    assert told == [SendSignal("USR1"), SendSignal("TERM")]
    pending.taken(SendSignal("USR1"))
    pending.add(SendSignal("USR1"))
    pending.add(SendSignal("TERM"))
    assert told == [SendSignal("USR1"), SendSignal("TERM"), SendSignal("USR1")]
