"""What sshore counts, as Prometheus metrics in a registry of its own."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

# From a primed shell's few milliseconds to an image that is slow to start.
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_WORKS = ("start", "fill", "removal")


class Metrics:
    """The counters, gauges and histograms of one gateway. Every method is cheap and takes any thread.

    Implements EngineCounters and TurnCounters (interface.py). Label values are from closed sets, never what a
    client sent.
    """

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        """Register everything in `registry`, by default a new one."""
        self.registry = registry or CollectorRegistry()
        self._make_backend_metrics()
        self._make_connection_metrics()
        self._make_session_metrics()
        self._make_container_metrics()
        self._make_turn_metrics()
        self._make_pool_metrics()
        self._log_lines_lost = Counter(
            "sshore_log_lines_lost", "Lines of the log that could not be written.", registry=self.registry
        )

    def requested(self, operation: str) -> None:
        """Count a request to the backend (`container_create`)."""
        self._requests.labels(operation).inc()

    def failed(self, operation: str, code: str) -> None:
        """Count a request to the backend that failed, by the error's code."""
        self._failures.labels(operation, code).inc()

    def socket_opened(self) -> None:
        """Count a client that connected and has not said its version."""
        self._connections_current.inc()

    def socket_handed_on(self) -> None:
        """A client that was counted by `socket_opened` is counted by `connection_opened` from now on."""
        self._connections_current.dec()

    def socket_closed(self) -> None:
        """A client that was counted by `socket_opened` is gone: it has never been more."""
        self._connections_current.dec()
        self.socket_lost()

    def socket_lost(self) -> None:
        """A client that was handed on is gone before it became a connection."""
        self._connections.inc()
        self.handshake(False)

    def connection_opened(self) -> None:
        """Count a client that connected."""
        self._connections.inc()
        self._connections_current.inc()

    def connection_closed(self) -> None:
        """A client that was counted by `connection_opened` is gone."""
        self._connections_current.dec()

    def handshake(self, success: bool) -> None:
        """Count a handshake, authentication included, that ended."""
        (self._handshakes_succeeded if success else self._handshakes_failed).inc()

    def session_started(self, kind: str) -> None:
        """Count a session that asked for its program: `shell`, `exec` or `subsystem`."""
        self._sessions_by_kind[kind].inc()
        self._sessions_current.inc()

    def session_ended(self) -> None:
        """A session that was counted by `session_started` is over."""
        self._sessions_current.dec()

    def observe_kept_connections(self, count: Callable[[], int]) -> None:
        """Ask `count`, in any thread, how many connections to the engine wait for the next call."""
        self._kept_connections.set_function(count)

    def container_started(self, seconds: float) -> None:
        """Count a container that runs, and the seconds from the decision to create it until it did."""
        self._container_start.observe(seconds)
        self._containers_current.inc()

    def container_removed(self) -> None:
        """A container that was counted by `container_started` is gone."""
        self._containers_current.dec()

    def turn_asked(self, work: str) -> None:
        """Somebody waits for a turn at the engine, if only for a moment: for a `start`, a `fill` or a `removal`."""
        self._turns_waiting[work].inc()

    def turn_waited(self, work: str, seconds: float) -> None:
        """Who was counted by `turn_asked` waits no more, after so many seconds."""
        self._turns_waiting[work].dec()
        self._turn_waits[work].observe(seconds)

    def pool_asked(self, hit: bool) -> None:
        """Count a login that asked the pool for a container, and whether there was one."""
        (self._pool_hits if hit else self._pool_misses).inc()

    def pool_gained(self) -> None:
        """A container waits in the pool."""
        self._pool_waiting.inc()

    def pool_lost(self) -> None:
        """A container that was counted by `pool_gained` waits no more."""
        self._pool_waiting.dec()

    def pool_filled(self, seconds: float) -> None:
        """Count a container that was made for the pool, and the seconds that it took."""
        self._pool_fill.observe(seconds)

    def pool_fill_failed(self, code: str) -> None:
        """Count a container that could not be made for the pool, by the failure's code."""
        self._pool_fill_failures.labels(code).inc()

    def shell_waits(self) -> None:
        """A shell waits in a container to become a program."""
        self._shells_waiting.inc()

    def shell_left(self) -> None:
        """One that was counted by `shell_waits` waits no more."""
        self._shells_waiting.dec()

    def program_started(self, seconds: float, *, primed: bool = False) -> None:
        """Count a program that runs, and the seconds from the client's request until it did.

        `primed`: a shell that was started ahead became it.
        """
        self._program_start.observe(seconds)
        if primed:
            self._programs_primed.inc()

    def bytes_moved(self, direction: str, count: int) -> None:
        """Count bytes of programs' streams: `in` is from the client to the program, `out` the other way."""
        self._bytes_by_direction[direction].inc(count)

    def actor_started(self, actor: str) -> None:
        """Count an actor that has begun, by its role (`session`)."""
        self._actors_current.labels(actor).inc()

    def actor_ended(self, actor: str) -> None:
        """An actor that was counted by `actor_started` has let everything go."""
        self._actors_current.labels(actor).dec()

    def actor_failed(self, actor: str) -> None:
        """Count an actor that crashed, by its role (`session`)."""
        self._actor_failures.labels(actor).inc()

    def refused(self, code: str) -> None:
        """Count a request of a client that was refused, by the refusal's code."""
        self._refusals.labels(code).inc()

    def reloaded(self, success: bool) -> None:
        """Count a reload of the configuration, or one that was refused."""
        (self._reloads_succeeded if success else self._reloads_failed).inc()

    def log_line_lost(self) -> None:
        """Count a line of the log that could not be written."""
        self._log_lines_lost.inc()

    def _make_backend_metrics(self) -> None:
        self._requests = Counter(
            "sshore_backend_requests", "Requests to the engine.", ["operation"], registry=self.registry
        )
        self._failures = Counter(
            "sshore_backend_failures",
            "Requests to the engine that failed.",
            ["operation", "code"],
            registry=self.registry,
        )
        self._actors_current = Gauge("sshore_actors_current", "Actors that live.", ["actor"], registry=self.registry)
        reloads = Counter("sshore_reloads", "Reloads of the configuration.", ["result"], registry=self.registry)
        self._reloads_succeeded = reloads.labels("success")
        self._reloads_failed = reloads.labels("failure")
        self._actor_failures = Counter(
            "sshore_actor_failures", "Actors that crashed.", ["actor"], registry=self.registry
        )

    def _make_connection_metrics(self) -> None:
        self._connections = Counter("sshore_connections", "Clients that connected.", registry=self.registry)
        self._connections_current = Gauge(
            "sshore_connections_current", "Clients that are connected.", registry=self.registry
        )
        handshakes = Counter("sshore_handshakes", "Handshakes that ended.", ["result"], registry=self.registry)
        self._handshakes_succeeded = handshakes.labels("success")
        self._handshakes_failed = handshakes.labels("failure")

    def _make_session_metrics(self) -> None:
        sessions = Counter("sshore_sessions", "Sessions that asked for a program.", ["kind"], registry=self.registry)
        self._sessions_by_kind = {kind: sessions.labels(kind) for kind in ("shell", "exec", "subsystem")}
        self._sessions_current = Gauge(
            "sshore_sessions_current", "Sessions that asked for a program and are not over.", registry=self.registry
        )
        moved = Counter("sshore_bytes", "Bytes of programs' streams.", ["direction"], registry=self.registry)
        self._bytes_by_direction = {direction: moved.labels(direction) for direction in ("in", "out")}
        self._refusals = Counter(
            "sshore_refusals", "Requests of clients that were refused.", ["code"], registry=self.registry
        )

    def _make_container_metrics(self) -> None:
        self._kept_connections = Gauge(
            "sshore_backend_connections_kept",
            "Connections to the engine that wait for the next call.",
            registry=self.registry,
        )
        self._containers_current = Gauge("sshore_containers_current", "Containers that run.", registry=self.registry)
        self._container_start = Histogram(
            "sshore_container_start_seconds",
            "From the decision to create a container until it runs.",
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._program_start = Histogram(
            "sshore_program_start_seconds",
            "From a client's request until its program runs.",
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._shells_waiting = Gauge(
            "sshore_shells_waiting", "Shells that wait in containers for programs.", registry=self.registry
        )
        self._programs_primed = Counter(
            "sshore_programs_primed", "Programs that a shell became which waited for them.", registry=self.registry
        )

    def _make_turn_metrics(self) -> None:
        waiting = Gauge("sshore_turns_waiting", "Who waits for a turn at the engine.", ["work"], registry=self.registry)
        waits = Histogram(
            "sshore_turn_wait_seconds",
            "How long a turn at the engine was waited for.",
            ["work"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._turns_waiting = {work: waiting.labels(work) for work in _WORKS}
        self._turn_waits = {work: waits.labels(work) for work in _WORKS}

    def _make_pool_metrics(self) -> None:
        asked = Counter("sshore_pool_logins", "Logins that asked the pool.", ["result"], registry=self.registry)
        self._pool_hits, self._pool_misses = asked.labels("hit"), asked.labels("miss")
        self._pool_waiting = Gauge("sshore_pool_waiting", "Containers that wait for users.", registry=self.registry)
        self._pool_fill = Histogram(
            "sshore_pool_fill_seconds",
            "From the decision to fill the pool until a container waits in it.",
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._pool_fill_failures = Counter(
            "sshore_pool_fill_failures", "Containers that the pool could not get.", ["code"], registry=self.registry
        )
