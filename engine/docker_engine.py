"""The real engine: docker-py for the control calls, connections of our own for streams."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote, urlencode

from docker import APIClient

from .address import EngineAddress
from .clients import ClientPool
from .control import SocketControl
from .creation import container_body, create_exec, exec_body
from .credentials import own_credentials
from .events import DockerEvents, event_filters
from .images import find_image, inspect_image, pull_image
from .interface import StreamOpener
from .json_stream import JsonStream
from .labels import label_filter
from .networks import ensure_network
from .podman import UnnamedEnds, never_started
from .streams import DockerStreams
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

_CONSOLE_SIZE_SINCE = (1, 42)
_NOT_STARTED = "created"
_STREAM_VERSION_SECONDS = 2.0
_WHICH_ENDED_SECONDS = 2.0


class DockerEngine:
    """A Docker Engine, or podman's compatible one, at an address (`Engine`). Nothing is opened before a call.

    Any thread, many at once. Raises EngineErrors and nothing else; retries nothing but kept connections that
    turn out to be dead.
    """

    def __init__(self, address: EngineAddress, connections: int = 16) -> None:
        """`connections` are kept open for control calls; as many more as are needed are opened and closed again."""
        self._address = address
        self._pool = ClientPool(address, connections)
        self._streams = DockerStreams(address, lambda: self._pool.api_version(_STREAM_VERSION_SECONDS))
        self._unnamed_ends = UnnamedEnds(lambda exec_id: self.inspect_exec(exec_id, timeout=_WHICH_ENDED_SECONDS))

    @property
    def streams(self) -> StreamOpener:
        return self._streams

    @property
    def kept_connections(self) -> int:
        return self._pool.kept

    @property
    def sizes_terminals(self) -> bool:
        """Docker API 1.42, "ConsoleSize"."""
        return self._pool.known_version >= _CONSOLE_SIZE_SINCE

    @property
    def separates_containers(self) -> bool:
        """podman makes a network with `enable_icc` off, and pays no heed to it."""
        return not self._pool.is_podman

    def ping(self, *, timeout: float) -> EngineInfo:
        """Docker API, "SystemVersion"."""
        return self._pool.run("ping", timeout, _engine_info)

    def create_container(self, spec: ContainerSpec, *, timeout: float) -> str:
        """Docker API, "ContainerCreate". Not sent twice: the second would conflict with the first."""

        def create(client: APIClient) -> str:
            answer = client.create_container_from_config(  # type: ignore[no-untyped-call]  # a gap in the stub
                container_body(spec, sized=self.sizes_terminals), spec.name, spec.platform
            )
            return str(answer["Id"])

        return self._pool.run("container_create", timeout, create, resend=False)

    def start_container(self, container: str, *, timeout: float) -> None:
        """Docker API, "ContainerStart". Nothing happens if it runs already."""
        self._pool.run("container_start", timeout, lambda client: client.start(container))

    def inspect_container(self, container: str, *, timeout: float) -> ContainerState:
        """Docker API, "ContainerInspect"."""
        return self._pool.run(
            "container_inspect", timeout, lambda client: _container_state(client.inspect_container(container))
        )

    def remove_container(self, container: str, *, timeout: float) -> None:
        """Docker API, "ContainerDelete"."""
        self._pool.run(
            "container_remove", timeout, lambda client: client.remove_container(container, v=True, force=True)
        )

    def rename_container(self, container: str, name: str, *, timeout: float) -> None:
        """Docker API, "ContainerRename"."""
        self._pool.run("container_rename", timeout, lambda client: client.rename(container, name))

    def kill_container(self, container: str, signal: str, *, timeout: float) -> None:
        """Docker API, "ContainerKill"."""
        self._pool.run("container_kill", timeout, lambda client: client.kill(container, signal))

    def resize_container(self, container: str, columns: int, rows: int, *, timeout: float) -> None:
        """Docker API, "ContainerResize"."""
        self._pool.run("container_resize", timeout, lambda client: client.resize(container, height=rows, width=columns))

    def list_containers(self, labels: Mapping[str, str], *, timeout: float) -> list[ContainerSummary]:
        """Docker API, "ContainerList"."""
        filters = {"label": label_filter(labels)}
        return self._pool.run(
            "container_list",
            timeout,
            lambda client: [_summary(row) for row in client.containers(all=True, filters=filters)],
        )

    def create_exec(self, container: str, spec: ExecSpec, *, timeout: float) -> str:
        """Docker API, "ContainerExec"."""

        def create(client: APIClient) -> str:
            return create_exec(client, container, exec_body(spec, sized=self.sizes_terminals))

        exec_id = self._pool.run("exec_create", timeout, create)
        if self._pool.is_podman:
            self._unnamed_ends.created(container, exec_id)
        return exec_id

    def inspect_exec(self, exec_id: str, *, timeout: float) -> ExecState:
        """Docker API, "ExecInspect"."""
        return self._pool.run("exec_inspect", timeout, lambda client: self._exec_state(client.exec_inspect(exec_id)))

    def resize_exec(self, exec_id: str, columns: int, rows: int, *, timeout: float) -> None:
        """Docker API, "ExecResize"."""
        self._pool.run("exec_resize", timeout, lambda client: client.exec_resize(exec_id, height=rows, width=columns))

    def inspect_image(self, image: str, *, timeout: float) -> ImageInfo:
        """Docker API, "ImageInspect"."""
        return inspect_image(self._pool, image, timeout)

    def find_image(self, image: str, platform: str | None, *, timeout: float) -> ImageInfo | None:
        """Docker API, "ImageInspect"."""
        return find_image(self._pool, image, platform, timeout)

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
        """Docker API, "ImageCreate". `auth` None stands for the gateway's own logins, see `own_credentials`."""
        login = own_credentials(image) if auth is None else auth
        prefix = self._prefix(min(timeout, stall))
        pull_image(self._address, prefix, image, platform, login, timeout=timeout, stall=stall, progress=progress)

    def ensure_network(
        self, name: str, options: Mapping[str, str], labels: Mapping[str, str], *, timeout: float
    ) -> None:
        """Docker API, "NetworkCreate"."""
        ensure_network(self._pool, name, options, labels, timeout)

    def attach_control(self, container: str, *, timeout: float) -> SocketControl:
        """Docker API, "ContainerAttach"."""
        target = f"{self._prefix(timeout)}/containers/{quote(container, safe='')}/attach?stream=1&stdin=1"
        return SocketControl.open(self._address, target, b"", "container_attach", timeout)

    def start_control(self, exec_id: str, *, timeout: float) -> SocketControl:
        """Docker API, "ExecStart"."""
        target = f"{self._prefix(timeout)}/exec/{quote(exec_id, safe='')}/start"
        body = json.dumps({"Detach": False, "Tty": False}).encode()
        return SocketControl.open(self._address, target, body, "exec_start", timeout)

    def events(self, labels: Mapping[str, str], *, timeout: float) -> DockerEvents:
        """Docker API, "SystemEvents"."""
        target = f"{self._prefix(timeout)}/events?{urlencode({'filters': event_filters(labels)})}"
        stream = JsonStream.open(self._address, "events", "GET", target, timeout=timeout)
        stream.lift_deadline()
        return DockerEvents(stream, self._unnamed_ends)

    def close(self) -> None:
        self._pool.close()

    def _exec_state(self, answer: dict[str, Any]) -> ExecState:
        running = bool(answer["Running"])
        unknown = running or (self._pool.is_podman and never_started(answer))
        return ExecState(running=running, exit_code=None if unknown else answer["ExitCode"])

    def _prefix(self, timeout: float) -> str:
        return f"/v{self._pool.api_version(timeout)}"


def _engine_info(client: APIClient) -> EngineInfo:
    answer: dict[str, Any] = client.version(api_version=False)
    return EngineInfo(version=answer["Version"], api_version=client.api_version)


def _container_state(answer: dict[str, Any]) -> ContainerState:
    state = answer["State"]
    has_ended = not state["Running"] and state["Status"] != _NOT_STARTED
    return ContainerState(
        id=answer["Id"],
        name=answer["Name"].removeprefix("/"),
        running=state["Running"],
        exit_code=state["ExitCode"] if has_ended else None,
        oom_killed=state["OOMKilled"],
    )


def _summary(row: dict[str, Any]) -> ContainerSummary:
    # A container whose removal is under way, or was when the engine was killed, has lost its name.
    names = row["Names"] or [row["Id"]]
    return ContainerSummary(
        id=row["Id"],
        name=names[0].removeprefix("/"),
        image=row["Image"],
        state=row["State"],
        created=float(row["Created"]),
        labels=row["Labels"] or {},
    )
