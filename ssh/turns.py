"""How the loop's time is shared out: nobody's packets, however many or small, may keep everybody else waiting.

asyncssh works off at once whatever one read brought, and sends at once whatever a channel's window allows. Here each
connection has a slice of every turn of the loop. Who has used it up waits for the next turn; and all connections
together get no more than a few milliseconds of a turn, those that are logged in and the strangers each their own.
"""

from __future__ import annotations

import asyncio
import time
import weakref
from collections import deque
from collections.abc import Callable
from typing import TypeAlias

from ..engine.event_batch import event_batch
from .work_time import work_time

SLICE = 0.0005
"""Seconds of one turn that are one connection's."""
TURN = 0.001
"""Seconds of one turn that are those of all who are logged in, and as many of all who are not."""

LONGEST_REST = 2 * TURN
"""Seconds between two turns in which nobody's work is done who has used up a slice."""

Job: TypeAlias = Callable[[float], bool]
"""Works until `work_time()` is at what it is given, about, and returns whether more is left to do at once."""


class Share:
    """One connection's part in the loop's time. Loop only."""

    def __init__(self, lanes: Lanes) -> None:
        self._lanes = lanes
        self._lane = lanes.strangers
        self._jobs: deque[Job] = deque()
        self._owes = 0.0
        self._charged = 0.0
        self._running = False
        self.waiting = False
        """Whether it has to wait for a later turn of the loop."""

    def log_in(self) -> None:
        """Count it among those who are logged in from now on."""
        self._lane = self._lanes.users

    def ask(self, job: Job) -> None:
        """Have `job` called: at once if it is this connection's turn, else when it is. Idempotent until then."""
        if job not in self._jobs:
            self._jobs.append(job)
        if self._running or self.waiting:
            return
        if not self._still_owed() and self._lanes.has_time(self._lane):
            self.run()
        else:
            self._wait()

    def waits_for(self, job: Job) -> bool:
        """Whether this job has to wait for a later turn."""
        return self.waiting and job in self._jobs

    def charge(self, seconds: float) -> None:
        """Count time that was used for this connection elsewhere: it comes off later slices."""
        self._owes = self._still_owed() + seconds
        self._lane.used += seconds

    def rest(self) -> None:
        """Say that a whole slice went into little: before the next turn the loop has as long for others to run."""
        self._lanes.rest(SLICE)

    def pay(self) -> bool:
        """Take one slice off what is owed; return whether that was all."""
        self._owes = max(0.0, self._owes - SLICE)
        return not self._owes

    def run(self) -> None:
        """Do the jobs, the first of them first, for one slice, and wait for the next turn with what is left."""
        self.waiting, self._running = False, True
        began = work_time()
        until = began + SLICE
        try:
            event_batch.deal(lambda: self._work(until))
        finally:
            self._running = False
            now = work_time()
            self._lane.used += now - began
            self._owes += max(0.0, now - until)
            self._charged = time.perf_counter()
        if self._jobs:
            self._wait(used_up=True)

    def _work(self, until: float) -> None:
        for _ in range(len(self._jobs)):
            job = self._jobs.popleft()
            if job(until):
                self._jobs.append(job)
            if work_time() >= until:
                break

    def _still_owed(self) -> float:
        """What is owed is paid by waiting, too: who was charged for a login types a moment later as if nothing was."""
        now = time.perf_counter()
        self._owes = max(0.0, self._owes - (now - self._charged))
        self._charged = now
        return self._owes

    def _wait(self, *, used_up: bool = False) -> None:
        self.waiting = True
        self._lane.add(self, first=not used_up and not self._owes)
        self._lanes.wake()


class Lane:
    """Connections of one kind that wait. Who has used little comes before who has used up a slice."""

    def __init__(self) -> None:
        self.used = 0.0
        """Seconds of the present turn."""
        self._first: deque[Share] = deque()
        self._others: deque[Share] = deque()

    def add(self, share: Share, *, first: bool) -> None:
        (self._first if first else self._others).append(share)

    @property
    def is_empty(self) -> bool:
        return not self._first and not self._others

    def serve(self) -> None:
        """Give everybody one slice, in order, until the lane's time is used up. Somebody always gets one."""
        served = False
        rounds = [(self._first, len(self._first)), (self._others, len(self._others))]
        for queue, number in rounds:
            for _ in range(number):
                if served and self.used >= TURN:
                    return
                share = queue.popleft()
                if share.pay():
                    share.run()
                    served = True
                else:
                    self._others.append(share)


class Lanes:
    """Both kinds, in one loop. Loop only."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.users = Lane()
        self.strangers = Lane()
        self._loop = loop
        self._began = 0.0
        self._rest = 0.0
        self._awake = False

    def has_time(self, lane: Lane) -> bool:
        """Whether connections of this kind may still use time in this turn."""
        if not self._awake and time.perf_counter() - self._began > TURN:
            self._begin()
        return lane.used < TURN

    def rest(self, seconds: float) -> None:
        """Wait for so long before the next turn: a process that always runs is woken late, on a busy machine."""
        self._rest += seconds

    def wake(self) -> None:
        """Serve in the next turn, after everything else that it brings."""
        if not self._awake:
            self._awake = True
            # Unlike `call_soon`, whose calls come before the turn's input and output.
            self._loop.call_later(min(self._rest, LONGEST_REST), self._serve)
            self._rest = 0.0

    def _serve(self) -> None:
        try:
            self.users.serve()
            self.strangers.serve()
        finally:
            # One connection's fault must not keep the others waiting for ever.
            self._begin()
            self._awake = False
            if not (self.users.is_empty and self.strangers.is_empty):
                self.wake()

    def _begin(self) -> None:
        self._began = time.perf_counter()
        self.users.used = self.strangers.used = 0.0


_LANES: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Lanes] = weakref.WeakKeyDictionary()


def new_share() -> Share:
    """Return a new connection's share of the running loop; it is a stranger's until `log_in`."""
    loop = asyncio.get_running_loop()
    if loop not in _LANES:
        _LANES[loop] = Lanes(loop)
    return Share(_LANES[loop])
