"""What goes into the engine and what comes out, as plain typed values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class EngineInfo:
    """The engine's own account of itself: its version and the API version that was negotiated (`1.41`)."""

    version: str
    api_version: str


@dataclass(frozen=True, slots=True)
class ContainerSpec:
    """A container to create.

    `config` is the body of Docker's `POST /containers/create` as it goes over the wire (with `HostConfig` and
    `NetworkingConfig` inside); `platform` is `os[/arch[/variant]]` or None; `size`, its terminal's columns × rows, is
    for engines that set it (`Engine.sizes_terminals`).
    """

    name: str
    config: Mapping[str, Any]
    platform: str | None = None
    size: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class ContainerState:
    """What `inspect` says of a container. `exit_code` is None while it runs, and before its start."""

    id: str
    name: str
    running: bool
    exit_code: int | None
    oom_killed: bool


@dataclass(frozen=True, slots=True)
class ContainerSummary:
    """One row of a container listing. `created` is in seconds since the epoch, `state` Docker's word for it.

    `name` is the id once the engine has taken the name away; every call takes either.
    """

    id: str
    name: str
    image: str
    state: str
    created: float
    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ExecSpec:
    """A program to run in a running container. `env` holds `NAME=value`, `user` is empty for the container's own.

    `size`, its terminal's columns × rows, is for engines that set it (`Engine.sizes_terminals`).
    """

    argv: tuple[str, ...]
    env: tuple[str, ...] = ()
    user: str = ""
    workdir: str = ""
    tty: bool = False
    stdin: bool = True
    size: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class ExecState:
    """What `inspect` says of an exec. `exit_code` is None while the program runs or never started."""

    running: bool
    exit_code: int | None


@dataclass(frozen=True, slots=True)
class ImageInfo:
    """An image on the engine: its id, and `USER`, `WORKDIR` and `ENTRYPOINT` of its configuration, empty if not set.

    `platform` is `os/arch[/variant]`.
    """

    id: str
    user: str
    workdir: str
    platform: str = ""
    entrypoint: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RegistryAuth:
    """Credentials for a registry, as Docker's `X-Registry-Auth` takes them. Never logged."""

    username: str = ""
    password: str = field(default="", repr=False)
    server: str = ""
    identity_token: str = field(default="", repr=False)
    registry_token: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class PullProgress:
    """One line of a pull: `layer` is empty for lines about the image; `current` and `total` are bytes or 0."""

    layer: str
    status: str
    current: int
    total: int


@dataclass(frozen=True, slots=True)
class ProgramEnded:
    """The engine saw an exec end with this exit code."""

    exit_code: int


@dataclass(frozen=True, slots=True)
class ContainerDied:
    """The engine saw a container's main process end."""

    exit_code: int
    oom: bool


@dataclass(frozen=True, slots=True)
class ContainerGone:
    """The engine removed a container."""


@dataclass(frozen=True, slots=True)
class ContainerKilled:
    """Somebody had the engine send a container this signal (a number), or stop it, or remove it by force."""

    signal: int


@dataclass(frozen=True, slots=True)
class MemoryExhausted:
    """The kernel killed something in a container for want of memory; its end, if it was a program, comes behind."""


@dataclass(frozen=True, slots=True)
class EventsLost:
    """The event stream was interrupted: whoever waits for an end has to ask the engine.

    `subscription` is what the watcher hears from now on (`EventWatcher.hearing`); None: only this one event was lost.
    """

    subscription: int | None = None


EngineEvent = ProgramEnded | ContainerDied | ContainerGone | ContainerKilled | MemoryExhausted | EventsLost
