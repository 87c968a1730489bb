"""A backend on the fake engine, as an embedding program has it."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pykka
from sshore.actors.connection import ConnectionActor
from sshore.actors.messages import RunExec, RunShell, RunSubsystem
from sshore.actors.ref import Ref
from sshore.actors.refusals import Refused
from sshore.actors.root import RootActor
from sshore.backend.backend import Backend
from sshore.backend.connection import ConnectionHandler
from sshore.backend.session import ProgramSession
from sshore.config.models import DockerConfig
from sshore.engine.fake.containers import FakeContainer
from sshore.engine.fake.engine import FAKE_IMAGE, FakeEngine
from sshore.metrics.counters import Metrics

from .client import SECONDS, Client, End, eventually
from .logbook import Logbook

ADDRESS = ("192.0.2.1", 2222)


def docker_config(*, timeouts: dict[str, Any] | None = None, **execution: Any) -> DockerConfig:
    """Return a configuration whose engine nobody could reach; `execution` is that section."""
    section = {"container": {"Image": FAKE_IMAGE}, "host": {"NetworkMode": "none"}, **execution}
    return DockerConfig.model_validate(
        {"connection": {"host": "unix:///nowhere/docker.sock"}, "execution": section, "timeouts": timeouts or {}}
    )


class Gatehouse:
    """Starts a backend and remembers what it logs, counts and leaves behind."""

    def __init__(self, state: Path, **config: Any) -> None:
        self.threads = threading.enumerate()
        self.engine = FakeEngine()
        self.book = Logbook()
        self.metrics = Metrics()
        self.backend = Backend(
            docker_config(**config), state, log=self.book.log, metrics=self.metrics, engine=self.engine
        )

    def connect(self, **more: Any) -> ConnectionHandler:
        return self.backend.connection(ADDRESS, **more)

    def login(self, user: str = "alice", **more: Any) -> ConnectionHandler:
        handler = self.connect(**more)
        handler.handshake_success(user)
        return handler

    def run(
        self, handler: ConnectionHandler, what: str | RunExec | RunShell | RunSubsystem, channel: int = 1
    ) -> tuple[ProgramSession, Client]:
        """Open a channel and start a program; a string is a command line."""
        session, client = handler.program_session(channel), Client()
        session.start(RunExec(what) if isinstance(what, str) else what, client)
        return session, client

    async def finish(self, handler: ConnectionHandler, command: str, channel: int = 1) -> tuple[Client, End | Refused]:
        """Run a command to its end on a channel that closes then; without input."""
        session, client = self.run(handler, command, channel)
        session.write_eof()
        end = await client.until_end()
        session.close()
        return client, end

    @property
    def root(self) -> Ref:
        [root] = pykka.ActorRegistry.get_by_class(RootActor)
        return root

    def connections(self) -> frozenset[Ref]:
        children: frozenset[Ref] = self.root.proxy().children.get(timeout=SECONDS)
        return children

    def sessions(self) -> frozenset[Ref]:
        """Return the sessions of the one connection."""
        [connection] = pykka.ActorRegistry.get_by_class(ConnectionActor)
        children: frozenset[Ref] = connection.proxy().children.get(timeout=SECONDS)
        return children

    async def until_programs_run(self, number: int) -> None:
        """Wait until that many programs were started since the beginning, and their actors know it."""
        await eventually(lambda: self.count("sshore_program_start_seconds_count") >= number, "the programs' start")

    def count(self, name: str, **labels: str) -> float:
        """Return a metric's value, 0 if it was never touched."""
        return self.metrics.registry.get_sample_value(name, labels) or 0.0

    def container(self) -> FakeContainer:
        [one] = self.engine.containers
        return one

    async def until_empty(self) -> None:
        """Wait until no container is left and every one of them was crossed out."""
        await eventually(lambda: not self.engine.containers, "the last container's end")
        await eventually(lambda: self.count("sshore_containers_current") == 0, "the count of containers")
        await eventually(lambda: not self.backend._janitor.names, "the last name's release")

    async def close(self) -> None:
        """Shut down; nothing may be left, not even a thread."""
        self.engine.come_back()
        await self.backend.shutdown(SECONDS)
        assert self.engine.containers == []
        await self.threads_are_gone()
        assert pykka.ActorRegistry.get_all() == []

    async def threads_are_gone(self) -> None:
        await eventually(lambda: not self._others(), lambda: f"the end of {self._others()}")

    def _others(self) -> list[str]:
        # asyncio's own threads stay for the next to_thread; a fake program's thread may outlive its container.
        new = [thread.name for thread in threading.enumerate() if thread not in self.threads]
        return [name for name in new if not name.startswith("asyncio_")]
