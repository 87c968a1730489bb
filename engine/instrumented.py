"""Where every call to the engine is counted, and the only place where one is tried again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from structlog.typing import FilteringBoundLogger

from ..metrics.interface import EngineCounters
from .counted import Counted
from .errors import Conflict, EngineError, NotFound, ServerFault, Unavailable
from .instrumented_streams import InstrumentedStreams
from .interface import ControlInput, Engine, EventSubscription, StreamOpener
from .retry import ASKED_SECONDS, UNAVAILABLE_SECONDS, Retries
from .types import (
    ContainerSpec,
    ContainerState,
    ContainerSummary,
    EngineInfo,
    ExecSpec,
    ExecState,
    ImageInfo,
    PullProgress,
    RegistryAuth,
)

T = TypeVar("T")


class InstrumentedEngine:
    """Another engine, with its attempts counted and its passing failures tried again (`Engine`). Any thread.

    Only Unavailable and ServerFault are tried again, inside the call's own `timeout` and not for long (see
    `retry.py`). What starts a program or pulls an image is tried once: its caller decides.
    """

    def __init__(self, engine: Engine, counters: EngineCounters, log: FilteringBoundLogger) -> None:
        self._engine = engine
        self._counted = Counted(counters, log)
        self._streams = InstrumentedStreams(engine.streams, self._counted)

    @property
    def streams(self) -> StreamOpener:
        return self._streams

    @property
    def kept_connections(self) -> int:
        return self._engine.kept_connections

    @property
    def sizes_terminals(self) -> bool:
        return self._engine.sizes_terminals

    @property
    def separates_containers(self) -> bool:
        return self._engine.separates_containers

    def ping(self, *, timeout: float) -> EngineInfo:
        return self._retry("ping", timeout, lambda left: self._engine.ping(timeout=left))

    def create_container(self, spec: ContainerSpec, *, timeout: float) -> str:
        """As Engine says. If the name is taken after an answer was lost, it was taken by ourselves."""
        lost_answer = False

        def attempt(left: float) -> str:
            nonlocal lost_answer
            try:
                return self._engine.create_container(spec, timeout=left)
            except (Unavailable, ServerFault):
                lost_answer = True
                raise
            except Conflict:
                if not lost_answer:
                    raise
                return self._engine.inspect_container(spec.name, timeout=left).id

        return self._retry("container_create", timeout, attempt)

    def start_container(self, container: str, *, timeout: float) -> None:
        """As Engine says. A container that is gone when it is tried again was removed because it did not start."""
        reason = ""

        def attempt(left: float) -> None:
            nonlocal reason
            try:
                self._engine.start_container(container, timeout=left)
            except (Unavailable, ServerFault) as error:
                reason = error.detail
                raise
            except NotFound as error:
                if not reason:
                    raise
                raise NotFound(error.operation, f"{reason} (then {error.detail})") from error

        self._retry("container_start", timeout, attempt)

    def inspect_container(self, container: str, *, timeout: float) -> ContainerState:
        return self._retry(
            "container_inspect",
            timeout,
            lambda left: self._engine.inspect_container(container, timeout=left),
            unavailable=ASKED_SECONDS,
        )

    def remove_container(self, container: str, *, timeout: float) -> None:
        self._retry("container_remove", timeout, lambda left: self._engine.remove_container(container, timeout=left))

    def rename_container(self, container: str, name: str, *, timeout: float) -> None:
        self._retry(
            "container_rename",
            timeout,
            lambda left: self._engine.rename_container(container, name, timeout=left),
        )

    def kill_container(self, container: str, signal: str, *, timeout: float) -> None:
        self._retry(
            "container_kill",
            timeout,
            lambda left: self._engine.kill_container(container, signal, timeout=left),
        )

    def resize_container(self, container: str, columns: int, rows: int, *, timeout: float) -> None:
        self._retry(
            "container_resize",
            timeout,
            lambda left: self._engine.resize_container(container, columns, rows, timeout=left),
        )

    def list_containers(self, labels: Mapping[str, str], *, timeout: float) -> list[ContainerSummary]:
        return self._retry("container_list", timeout, lambda left: self._engine.list_containers(labels, timeout=left))

    def create_exec(self, container: str, spec: ExecSpec, *, timeout: float) -> str:
        # Its container does not outlive the engine; a guard that is being started must not hold up its user's prompt.
        return self._retry(
            "exec_create",
            timeout,
            lambda left: self._engine.create_exec(container, spec, timeout=left),
            unavailable=ASKED_SECONDS,
        )

    def inspect_exec(self, exec_id: str, *, timeout: float) -> ExecState:
        return self._retry(
            "exec_inspect",
            timeout,
            lambda left: self._engine.inspect_exec(exec_id, timeout=left),
            unavailable=ASKED_SECONDS,
        )

    def resize_exec(self, exec_id: str, columns: int, rows: int, *, timeout: float) -> None:
        self._retry(
            "exec_resize",
            timeout,
            lambda left: self._engine.resize_exec(exec_id, columns, rows, timeout=left),
        )

    def inspect_image(self, image: str, *, timeout: float) -> ImageInfo:
        return self._retry("image_inspect", timeout, lambda left: self._engine.inspect_image(image, timeout=left))

    def find_image(self, image: str, platform: str | None, *, timeout: float) -> ImageInfo | None:
        return self._retry(
            "image_inspect", timeout, lambda left: self._engine.find_image(image, platform, timeout=left)
        )

    def pull_image(
        self,
        image: str,
        platform: str | None,
        auth: RegistryAuth | None,
        *,
        timeout: float,
        stall: float,
        progress: Callable[[PullProgress], None],
    ) -> None:
        with self._counted("image_pull"):
            self._engine.pull_image(image, platform, auth, timeout=timeout, stall=stall, progress=progress)

    def ensure_network(
        self, name: str, options: Mapping[str, str], labels: Mapping[str, str], *, timeout: float
    ) -> None:
        self._retry(
            "network_create",
            timeout,
            lambda left: self._engine.ensure_network(name, options, labels, timeout=left),
        )

    def attach_control(self, container: str, *, timeout: float) -> ControlInput:
        with self._counted("container_attach"):
            return self._engine.attach_control(container, timeout=timeout)

    def start_control(self, exec_id: str, *, timeout: float) -> ControlInput:
        with self._counted("exec_start"):
            return self._engine.start_control(exec_id, timeout=timeout)

    def events(self, labels: Mapping[str, str], *, timeout: float) -> EventSubscription:
        with self._counted("events"):
            return self._engine.events(labels, timeout=timeout)

    def close(self) -> None:
        self._engine.close()

    def _retry(
        self,
        operation: str,
        timeout: float,
        attempt: Callable[[float], T],
        *,
        unavailable: float = UNAVAILABLE_SECONDS,
    ) -> T:
        retries = Retries(timeout, unavailable)
        while True:
            try:
                with self._counted(operation):
                    return attempt(retries.left())
            except EngineError as error:
                if not retries.pause_after(error):
                    raise
