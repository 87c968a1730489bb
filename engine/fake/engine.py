"""An engine in memory, for tests: it passes the contract tests of the real one and fails on demand."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping

from ..errors import Conflict, EngineError, NotFound, TimedOut
from ..image_names import runs_on, tagged
from ..types import (
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
from .connections import Connections
from .containers import FakeContainer, FakeExec, FakeImage
from .events import EventHub, FakeSubscription, carries
from .faults import Faults
from .streams import FakeControl, FakeStreams

FAKE_IMAGE = "sshore/mini:latest"
"""The image that is there from the start."""

_BUILT_IN_NETWORKS = frozenset({"default", "bridge", "host", "none"})


class FakeEngine:
    """An `Engine` whose programs are Python functions in threads. Any thread, any number of loops.

    `faults` makes it misbehave. Images are plain `FakeImage`s; what is not in `images` is pulled from `registry`,
    where an EngineError class is what the pull raises.
    """

    def __init__(self) -> None:
        self.faults = Faults()
        self.images: dict[str, FakeImage] = {FAKE_IMAGE: FakeImage()}
        self.registry: dict[str, FakeImage | type[EngineError]] = {}
        self.networks: dict[str, dict[str, str]] = {}
        """The options of every network that was made."""
        self.kept_connections = 0
        self.sizes_terminals = False
        """Set it to stand for an engine with API 1.42 on."""
        self.separates_containers = True
        """Clear it to stand for podman."""
        self.connections = Connections()
        self._events = EventHub()
        self._lock = threading.Lock()
        self._containers: dict[str, FakeContainer] = {}
        self._streams = FakeStreams(self.faults, self.connections, self._find, self._find_exec)

    @property
    def streams(self) -> FakeStreams:
        return self._streams

    @property
    def containers(self) -> list[FakeContainer]:
        """All containers that are there, oldest first."""
        with self._lock:
            return [one for one in self._containers.values() if not one.gone.is_set()]

    def drop_events(self, dropping: bool = True) -> None:
        """Lose every event from now on, without a sign, until called with False."""
        self._events.dropping = dropping

    def lose_connections(self) -> None:
        """Break every stream, control input and event subscription."""
        self.connections.lose_all()
        self._events.lose_connections()

    def go_away(self) -> None:
        """Break every connection and answer no call until `come_back`; what runs goes on running."""
        self.faults.away = True
        self.lose_connections()

    def come_back(self) -> None:
        """Answer again."""
        self.faults.away = False

    def ping(self, *, timeout: float) -> EngineInfo:
        with self.faults.call("ping", timeout):
            return EngineInfo(version="fake", api_version="1.41")

    def create_container(self, spec: ContainerSpec, *, timeout: float) -> str:
        with self.faults.call("container_create", timeout):
            image = self._find_image(str(spec.config["Image"]), "container_create")
            made = FakeContainer(spec, image, self._events, self.faults)
            with self._lock:
                self._require_free(spec.name, "container_create")
                self._containers[made.id] = made
            return made.id

    def start_container(self, container: str, *, timeout: float) -> None:
        with self.faults.call("container_start", timeout):
            found = self._find(container, "container_start")
            network = (found.spec.config.get("HostConfig") or {}).get("NetworkMode", "default")
            if network not in _BUILT_IN_NETWORKS and network not in self.networks:
                raise NotFound("container_start", f"network {network} not found")
            found.start()

    def inspect_container(self, container: str, *, timeout: float) -> ContainerState:
        with self.faults.call("container_inspect", timeout):
            return self._find(container, "container_inspect").state

    def remove_container(self, container: str, *, timeout: float) -> None:
        with self.faults.call("container_remove", timeout):
            found = self._find(container, "container_remove")
            found.remove()
            if not found.gone.wait(timeout):
                raise TimedOut("container_remove", f"it does not end within {timeout:g} s")

    def rename_container(self, container: str, name: str, *, timeout: float) -> None:
        with self.faults.call("container_rename", timeout):
            found = self._find(container, "container_rename")
            with self._lock:
                self._require_free(name, "container_rename")
                found.name = name

    def kill_container(self, container: str, signal: str, *, timeout: float) -> None:
        with self.faults.call("container_kill", timeout):
            found = self._find(container, "container_kill")
            if not found.running:
                raise Conflict("container_kill", f"container {found.id} is not running")
            found.kill(signal)

    def resize_container(self, container: str, columns: int, rows: int, *, timeout: float) -> None:
        with self.faults.call("container_resize", timeout):
            found = self._find(container, "container_resize")
            if not found.running:
                raise Conflict("container_resize", f"container {found.id} is not running")
            found.sizes.append((columns, rows))

    def list_containers(self, labels: Mapping[str, str], *, timeout: float) -> list[ContainerSummary]:
        with self.faults.call("container_list", timeout):
            return [_summary(one) for one in self.containers if carries(one.labels, labels)]

    def create_exec(self, container: str, spec: ExecSpec, *, timeout: float) -> str:
        with self.faults.call("exec_create", timeout):
            return self._find(container, "exec_create").create_exec(spec).id

    def inspect_exec(self, exec_id: str, *, timeout: float) -> ExecState:
        with self.faults.call("exec_inspect", timeout):
            return self._find_exec(exec_id, "exec_inspect").state

    def resize_exec(self, exec_id: str, columns: int, rows: int, *, timeout: float) -> None:
        with self.faults.call("exec_resize", timeout):
            self._find_exec(exec_id, "exec_resize").sizes.append((columns, rows))

    def inspect_image(self, image: str, *, timeout: float) -> ImageInfo:
        with self.faults.call("image_inspect", timeout):
            found = self._find_image(image, "image_inspect")
            return ImageInfo(f"sha256:{tagged(image)}{found.build}", found.user, found.workdir, found.platform)

    def find_image(self, image: str, platform: str | None, *, timeout: float) -> ImageInfo | None:
        try:
            found = self.inspect_image(image, timeout=timeout)
        except NotFound:
            return None
        return found if runs_on(found.platform, platform) else None

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
        with self.faults.call("image_pull", timeout):
            found = self.registry.get(tagged(image), NotFound)
            if not isinstance(found, FakeImage):
                raise found("image_pull", f"cannot pull {image}")
            progress(PullProgress(layer="layer", status="Pulling fs layer", current=0, total=0))
            progress(PullProgress(layer="layer", status="Downloading", current=1, total=2))
            progress(PullProgress(layer="layer", status="Pull complete", current=2, total=2))
            self.images[tagged(image)] = found

    def ensure_network(
        self, name: str, options: Mapping[str, str], labels: Mapping[str, str], *, timeout: float
    ) -> None:
        with self.faults.call("network_create", timeout):
            self.networks.setdefault(name, dict(options))

    def attach_control(self, container: str, *, timeout: float) -> FakeControl:
        with self.faults.call("container_attach", timeout):
            found = self._find(container, "container_attach")
            return FakeControl(found.main, self.connections, holds_stdin=found.stdin_once)

    def start_control(self, exec_id: str, *, timeout: float) -> FakeControl:
        with self.faults.call("exec_start", timeout):
            process = self._find_exec(exec_id, "exec_start").start()
            return FakeControl(process, self.connections, holds_stdin=True)

    def events(self, labels: Mapping[str, str], *, timeout: float) -> FakeSubscription:
        with self.faults.call("events", timeout):
            return self._events.subscribe(labels)

    def close(self) -> None:
        """Nothing is pooled here."""

    def _require_free(self, name: str, operation: str) -> None:
        if any(one.name == name and not one.gone.is_set() for one in self._containers.values()):
            raise Conflict(operation, f"the name {name} is already in use")

    def _find(self, container: str, operation: str) -> FakeContainer:
        # By its id without a look at all the others: hundreds of idle ones must not slow a newcomer down.
        by_id = self._containers.get(container)
        if by_id and not by_id.gone.is_set():
            return by_id
        for one in self.containers:
            if container in (one.id, one.name):
                return one
        raise NotFound(operation, f"no such container: {container}")

    def _find_exec(self, exec_id: str, operation: str) -> FakeExec:
        for one in self.containers:
            if exec_id in one.execs:
                return one.execs[exec_id]
        raise NotFound(operation, f"no such exec instance: {exec_id}")

    def _find_image(self, image: str, operation: str) -> FakeImage:
        found = self.images.get(tagged(image))
        if found is None:
            raise NotFound(operation, f"no such image: {image}")
        return found


def _summary(container: FakeContainer) -> ContainerSummary:
    return ContainerSummary(
        id=container.id,
        name=container.name,
        image=str(container.spec.config["Image"]),
        state=container.status,
        created=container.created,
        labels=container.labels,
    )
