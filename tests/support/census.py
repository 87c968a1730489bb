"""What a gateway holds, in its process and on the engine, and that a fault leaves nothing of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

from .clients import clients
from .gateway import GONE_SECONDS, Gateway, Resources, wait_until

REST_SECONDS = 20.0
"""How long after a fault something may be left of it, unless the test says otherwise."""

_IMAGE = "sshore/mini:latest"
_FIRST_SECONDS = 1.0
_CROWD = 20
_PAUSE = 0.02


@dataclass(frozen=True, slots=True)
class Census:
    """One count. The engine's part is of this gateway's containers only."""

    containers: tuple[str, ...]
    processes: int
    """In the containers, as the engine sees them."""
    actors: tuple[tuple[str, int], ...]
    """How many of each role live."""
    waiting: int
    """Containers that wait for users; they are no part of `containers` and `processes`."""
    connections: int
    sessions: int
    resources: Resources
    kept: int
    """Connections to the engine that wait for the next request; how many depends on how many were under way at once."""

    @classmethod
    def of(cls, gateway: Gateway) -> Census:
        """Count now."""
        roles = ((labels["actor"], int(value)) for labels, value in gateway.samples("sshore_actors_current"))
        return cls(
            containers=tuple(sorted(container.name or container.id for container in gateway.containers())),
            processes=len(gateway.processes()),
            actors=tuple(sorted(role for role in roles if role[1])),
            waiting=int(gateway.metric("sshore_pool_waiting")),
            connections=int(gateway.metric("sshore_connections_current")),
            sessions=int(gateway.metric("sshore_sessions_current")),
            resources=gateway.resources(),
            kept=int(gateway.metric("sshore_backend_connections_kept")),
        )

    def beyond(self, limit: Census) -> list[str]:
        """Return in words whatever is more than in `limit`, or other actors than there."""
        mine, its = self.resources, limit.resources
        compared = {
            "containers": (len(self.containers), len(limit.containers)),
            "processes in containers": (self.processes, limit.processes),
            "connections": (self.connections, limit.connections),
            "sessions": (self.sessions, limit.sessions),
            "threads": (len(mine.threads), len(its.threads)),
            "descriptors": (mine.descriptors - self.kept, its.descriptors - limit.kept),
            "children": (mine.children, its.children),
        }
        found = [f"{name}: {now}, {before} before" for name, (now, before) in compared.items() if now > before]
        if self.actors != limit.actors:
            found.append(f"actors: {dict(self.actors)}, {dict(limit.actors)} before")
        if self.waiting != limit.waiting:
            found.append(f"waiting for users: {self.waiting}, {limit.waiting} before")
        return found


@dataclass(slots=True)
class Fault:
    """One fault of a test, for the table of all of them."""

    name: str
    gateway: Gateway
    saw: str = ""
    """What the user saw."""
    seconds: float = 0.0
    """From `begins` until nothing was left."""
    began: float = 0.0

    def begins(self) -> None:
        """The fault happens now; the last call counts."""
        self.began = time.monotonic()

    def kill_gateway(self) -> None:
        """`kill -9` of the gateway is the fault; its clients are cut off."""
        self.saw = "the connection ends"
        self.begins()
        self.gateway.kill()


LeavesNothing = Callable[..., AbstractContextManager[Fault]]
"""The fixture `leaving_nothing` of the fault tests."""


LeavesNoContainer = Callable[..., AbstractContextManager[Fault]]
"""The fixture `leaving_no_container` of the fault tests."""


def warm_up(gateway: Gateway, crowd: int = _CROWD) -> Census:
    """Let a crowd in at once, so that pools are as full as they get; return what the gateway holds from then on."""
    # Whom a pool serves makes fewer calls: it takes more users until as many connections to the engine are kept as may.
    with clients(gateway, 2 * crowd if gateway.pool_size else crowd, "true", stdin=False) as guests:
        for one in guests:
            assert one.wait(60) == 0, one.output
    gateway.await_no_container(REST_SECONDS)
    wait_until(lambda: gateway.metric("sshore_connections_current") == 0)
    actors = (("filling", 1), ("pool", 1)) if gateway.pool_size else ()
    wait_until(lambda: Census.of(gateway).actors == (*actors, ("removal", 1), ("root", 1)))
    gateway.await_full_pool(REST_SECONDS)
    return Census.of(gateway)


@contextmanager
def leaves_nothing(name: str, gateway: Gateway, before: Census, seconds: float = REST_SECONDS) -> Iterator[Fault]:
    """Fail unless, `seconds` behind the block, the gateway holds no more than `before`, and its actors are those."""
    fault = Fault(name, gateway)
    fault.begins()
    yield fault
    deadline = time.monotonic() + seconds
    if not before.containers:
        gateway.await_no_container(seconds)
    while left := Census.of(gateway).beyond(before):
        if time.monotonic() > deadline:
            raise AssertionError(f"{name}: left after {seconds:g} s: {left}\n{Census.of(gateway)}\n{gateway.log}")
        time.sleep(_PAUSE)
    fault.seconds = time.monotonic() - fault.began


@contextmanager
def leaves_no_container(name: str, gateway: Gateway, count: int = 5, image: str = _IMAGE) -> Iterator[Fault]:
    """Fail unless the containers of a gateway go soon behind its kill in the block, `count` at most and its pool's.

    That is within GONE_SECONDS, or in a second more than the engine takes by itself for as many.
    """
    fault = Fault(name, gateway)
    fault.begins()
    yield fault
    gateway.await_no_container(REST_SECONDS)
    fault.seconds = time.monotonic() - fault.began
    if fault.seconds > GONE_SECONDS:
        own = gateway.removal_seconds(image, count + gateway.pool_size)
        fault.saw += f"; the engine itself takes {own:.1f} s for as many"
        assert fault.seconds <= _FIRST_SECONDS + own, f"{name}: {fault.seconds:.1f} s, the engine itself {own:.1f} s"
