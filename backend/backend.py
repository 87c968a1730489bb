"""The backend of a process: one engine, its watcher, the janitor, the root actor, and a handler per connection."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
from contextlib import suppress
from pathlib import Path

from ..actors.gateway import Gateway
from ..actors.log import Log
from ..actors.messages import Drain, Ping
from ..actors.pool_messages import PoolOrdered
from ..actors.ref import Ref, post
from ..actors.removal import RemovalActor
from ..actors.root import RootActor
from ..actors.specs import NETWORK, NETWORK_OPTIONS
from ..actors.surroundings import House, Surroundings
from ..actors.sweep import Sweeper
from ..config.listen import host_and_port
from ..config.models import ConnectionConfig, DockerConfig, Mode
from ..config.paced_log import PacedLog
from ..engine import labels
from ..engine.address import EngineAddress
from ..engine.docker_engine import DockerEngine
from ..engine.errors import EngineError
from ..engine.instrumented import InstrumentedEngine
from ..engine.interface import Engine
from ..engine.janitor_link import JanitorLink
from ..engine.pipes.sharing import Sharing
from ..engine.tls_check import require_usable
from ..engine.turns import Turns
from ..engine.watcher import EventWatcher
from ..metrics.counters import Metrics
from ..metrics.interface import Counter, EngineCounters, PlainCounters
from .connection import ConnectionHandler
from .logger import bindable
from .output_flow import Pace
from .primed_shell import ShellOpener
from .shared_check import SharedCheck
from .timers import LoopTimers, in_loop

_SWEEP_EVERY = 300.0
_OTHER_CALLS = 8


class Backend:
    """Gives every connection its own containers on one Docker Engine.

    Use it as an async context manager, or `await start()` and `await shutdown(deadline)`, in the loop that the
    connections live in. `state` is a folder for its lock and id, shared by all gateways of a machine that may clean
    up behind each other. `engine` replaces the Docker Engine of the configuration (for tests).
    """

    def __init__(
        self,
        docker: DockerConfig,
        state: Path,
        *,
        log: Log | logging.Logger | None = None,
        metrics: Metrics | None = None,
        engine: Engine | None = None,
    ) -> None:
        self.docker = docker
        self.metrics = metrics or Metrics()
        self.root_failure: asyncio.Future[BaseException] = asyncio.get_running_loop().create_future()
        """Done when the root actor crashed: the process should end non-zero and be started anew."""
        self._log = bindable(log)
        self._loop = asyncio.get_running_loop()
        self._state = state
        self._address = engine_address(docker.connection)
        starts = _starts_at_once(docker.connection)
        self._raw = engine or DockerEngine(self._address, 2 * starts + _OTHER_CALLS)
        self._engine = InstrumentedEngine(self._raw, self.metrics, self._log)
        self.metrics.observe_kept_connections(lambda: self._raw.kept_connections)
        self._turns = Turns(self.metrics, starts)
        self._drained = asyncio.Event()
        self._pace = Pace(self._loop)
        self._house: House | None = None
        self._readiness = SharedCheck(lambda: self._engine.ping(timeout=self.docker.timeouts.http))

    @property
    def log(self) -> Log:
        """The logger that everything of this backend writes to."""
        return self._log

    async def __aenter__(self) -> Backend:
        await self.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.shutdown(self.docker.timeouts.container_stop)

    async def start(self) -> None:
        """Begin; the engine need not answer yet. Raises OSError if the state folder cannot be used."""
        self._gateway = Gateway(self._state)
        own = self._gateway.labels
        self._log = self._log.bind(gateway=self._gateway.id)
        self._janitor = JanitorLink(self._address, self._gateway.id, self._log)
        self._watcher = EventWatcher(self._engine, {labels.GATEWAY: self._gateway.id}, self._log)
        self._watcher.start()
        self._timers = LoopTimers(self._loop)
        self._sharing = Sharing(self._pipes_directory, self._gateway.machine, self._gateway.id, self._lost_pipes)
        root = RootActor.start(self, self._log, self.metrics, self._timers, self._start_removals)
        shells = ShellOpener(self._loop)
        self._house = House(
            self._watcher, self._turns, self._janitor, self._timers, self.metrics, root, own, shells, self._sharing
        )
        await asyncio.to_thread(self._prepare_engine)
        self._order_pool(self._house)

    def connection(
        self,
        client_address: tuple[str, int],
        connection_id: str = "",
        *,
        docker: DockerConfig | None = None,
        log: Log | logging.Logger | None = None,
        requests: Counter | None = None,
        failures: Counter | None = None,
    ) -> ConnectionHandler:
        """Return the handler of a new connection, without a call to the engine.

        `docker` is this connection's configuration, by default the backend's; its `connection` section has to be the
        backend's. `requests` and `failures` count its requests to the engine and the failed ones, by default the
        backend's metrics do. Raises ValueError on another engine or one counter alone, RuntimeError before `start`.
        """
        if self._house is None:
            raise RuntimeError("the backend was not started")
        docker = docker or self.docker
        self._require_own_engine(docker)
        connection_id = connection_id or secrets.token_hex(16)
        client = host_and_port(*client_address)
        paced = PacedLog(bindable(log or self._log).bind(connection=connection_id, client=client))
        engine = InstrumentedEngine(self._raw, self._counters(requests, failures), paced.log)
        surroundings = _surroundings(self._house, engine, docker, paced.log)
        return ConnectionHandler(surroundings, paced, connection_id, client, lambda: self._house is None, self._pace)

    async def is_ready(self) -> str | None:
        """Return None while the engine answers, else why it does not. Who asks meanwhile gets the same answer."""
        return await self._readiness.ask()

    def configure(self, docker: DockerConfig) -> None:
        """Give connections that come from now on another configuration.

        The pool is replaced if its containers are to be others. Retries of removals keep the first one's timeouts.
        Raises ValueError on another engine.
        """
        self._require_own_engine(docker)
        self.docker = docker
        if self._house:
            self._order_pool(self._house)

    async def root_answers(self) -> None:
        """Return once the root actor has handled a message; at once where there is none. For a watchdog."""
        answered = asyncio.Event()
        if self._house and post(self._house.root, Ping(lambda: in_loop(self._loop, answered.set))):
            await answered.wait()

    async def shutdown(self, deadline: float) -> None:
        """End every connection and wait until nothing is left, at most `deadline` seconds. Idempotent."""
        house, self._house = self._house, None
        if house is None:
            return
        self._turns.hurry()
        post(house.root, Drain())
        with suppress(TimeoutError):
            await asyncio.wait_for(self._drained.wait(), deadline)
        house.root.stop(block=False)
        await asyncio.to_thread(self._close)

    # The actors' BackendPort: any thread.
    def drained(self) -> None:
        in_loop(self._loop, self._drained.set)

    def root_failed(self, error: BaseException) -> None:
        in_loop(self._loop, self._note_root_failure, error)

    def _note_root_failure(self, error: BaseException) -> None:
        if not self.root_failure.done():
            self.root_failure.set_result(error)
        # Nobody is left who could say so.
        self._drained.set()

    def _require_own_engine(self, docker: DockerConfig) -> None:
        if docker.connection != self.docker.connection:
            raise ValueError("docker.connection: a connection uses its backend's engine")

    def _counters(self, requests: Counter | None, failures: Counter | None) -> EngineCounters:
        if requests is not None and failures is not None:
            return PlainCounters(requests, failures)
        if requests is not None or failures is not None:
            raise ValueError("requests and failures: a connection brings both counters or none")
        return self.metrics

    def _order_pool(self, house: House) -> None:
        execution = self.docker.execution
        wanted = execution.pool.size > 0 and execution.mode is Mode.CONNECTION
        post(house.root, PoolOrdered(_surroundings(house, self._engine, self.docker, self._log) if wanted else None))

    def _start_removals(self, root: Ref) -> Ref:
        limit = _start_limit(self.docker)
        sweeper = Sweeper(
            self._engine, self._gateway, self._janitor, self._log, start_limit=limit, sharing=self._sharing
        )
        return RemovalActor.start(
            root,
            self._log,
            self.metrics,
            engine=self._engine,
            ledger=self._janitor,
            timers=self._timers,
            sweeper=sweeper,
            timeout=self.docker.timeouts.container_stop,
            late_create=limit,
            sweep_every=_SWEEP_EVERY,
        )

    @property
    def _pipes_directory(self) -> Path:
        return self.docker.execution.pipes_directory or self._state / "pipes"

    def _lost_pipes(self, cause: str) -> None:
        self._log.info("named_pipes_not_used", directory=str(self._pipes_directory), cause=cause)

    def _prepare_engine(self) -> None:
        marker = {labels.PRESENT: "1"}
        try:
            self._engine.ensure_network(NETWORK, NETWORK_OPTIONS, marker, timeout=self.docker.timeouts.http)
        except EngineError as error:
            engine = self.docker.connection.host
            self._log.error("engine_not_ready", engine=engine, code=error.code, cause=str(error))
            return
        if not self._engine.separates_containers:
            self._log.warning("containers_not_separated", network=NETWORK)

    def _close(self) -> None:
        self._readiness.close()
        self._watcher.stop()
        if self._janitor.names:
            self._log.error("containers_left_to_the_janitor", containers=sorted(self._janitor.names))
            self._janitor.close()
        else:
            self._janitor.dismiss()
        self._sharing.close()
        self._gateway.close()
        self._raw.close()


def _surroundings(house: House, engine: Engine, docker: DockerConfig, log: Log) -> Surroundings:
    own_labels = {**house.labels, labels.START_LIMIT: f"{_start_limit(docker):g}"}
    return Surroundings(house, engine, docker, log, own_labels)


def _start_limit(docker: DockerConfig) -> float:
    """How many seconds behind its create a container that does not run is nobody's any more."""
    return 2 * docker.timeouts.container_start


def _starts_at_once(connection: ConnectionConfig) -> int:
    return connection.starts_at_once or max(4, 2 * len(os.sched_getaffinity(0)))


def engine_address(connection: ConnectionConfig) -> EngineAddress:
    """Return where the configured engine listens. Raises ValueError for what cannot be used, certificates too."""
    texts = (connection.cacert or "", connection.cert or "", connection.key or "")
    address = EngineAddress.parse(connection.host, *texts)
    require_usable(address.tls)
    return address
