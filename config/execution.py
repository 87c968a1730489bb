"""The section about containers and programs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, Field, field_validator, model_validator

from .base import FilePath, Flag, Section, Word
from .docker_api import CONTAINER, HOST, NETWORK
from .limits import Span
from .owned import owned_faults
from .pool import PoolConfig
from .problems import Fault, refuse
from .registry import RegistryAuthConfig
from .structures import platform_text, structures

DEFAULT_IMAGE = "sshore/guest"

_NAME_PATTERN = re.compile(r"[!-<>-~]{1,128}")
_UMASK = re.compile(r"0?[0-7]{3}")


class Mode(Word):
    """What gets a container of its own."""

    CONNECTION = "connection"
    SESSION = "session"


class Pipes(Word):
    """Whether named pipes carry the bytes of programs."""

    AUTO = "auto"
    ON = "on"
    OFF = "off"

    @classmethod
    def parse(cls, value: object) -> Word:
        """Take YAML's own reading of `on` and `off`, too."""
        return (cls.ON if value else cls.OFF) if isinstance(value, bool) else super().parse(value)


class PullPolicy(Word):
    """When an image is pulled."""

    ALWAYS = "Always"
    IF_NOT_PRESENT = "IfNotPresent"
    NEVER = "Never"


def _list_of(structure: str) -> dict[str, Any]:
    return {"format": structure}


class ExecutionConfig(Section):
    """The containers, and the programs in them."""

    older_names: ClassVar[dict[str, str]] = {"idleProgram": "idleCommand"}

    container: dict[str, Any] = Field(
        default_factory=dict,
        description=f"The Docker API's ContainerConfig. The image is `{DEFAULT_IMAGE}` unless `Image` says "
        "otherwise; `User` is whom programs run as.",
        examples=[{"Image": "debian:bookworm", "Env": ["LANG=C.UTF-8"]}],
        json_schema_extra=_list_of(CONTAINER.name),
    )
    host: dict[str, Any] = Field(
        default_factory=dict,
        description="The Docker API's HostConfig. Containers get no new privileges, 1024 processes and few "
        "capabilities unless it says otherwise, see below.",
        examples=[{"Memory": 536870912, "PidsLimit": 256}],
        json_schema_extra=_list_of(HOST.name),
    )
    network: dict[str, Any] = Field(
        default_factory=dict,
        description="The Docker API's NetworkingConfig. Without it, and without `host.NetworkMode`, "
        "containers join a network that sshore creates, where none can reach another.",
        examples=[{"EndpointsConfig": {"backend": {}}}],
        json_schema_extra=_list_of(NETWORK.name),
    )
    platform: str | None = Field(
        default=None,
        description="Platform of the image, as the Docker API's structure or as `OS/ARCHITECTURE/VARIANT`.",
        examples=[{"os": "linux", "architecture": "arm64"}],
        json_schema_extra={
            "anyOf": [{"type": "string"}, {"type": "object"}, {"type": "null"}],
            "format": "platform",
        },
    )
    containername: str = Field(
        default="sshore",
        description="What the containers' names begin with; what tells them apart follows.",
        examples=["workshop"],
    )
    mode: Annotated[Mode, BeforeValidator(Mode.parse)] = Field(
        default=Mode.CONNECTION,
        description="`connection`: one container per SSH connection, every session is a program in it. "
        "`session`: one container per session.",
        examples=["session"],
    )
    idle_command: list[str] | None = Field(
        default=None,
        description="Main process of a container in connection mode. It has to read its stdin to the end and "
        "to leave then. sshore's own needs nothing in the image but `/bin/sh`. `idleProgram` is this key's "
        "older name.",
        examples=[["/bin/sh", "-c", "cat >/dev/null"]],
    )
    shell_command: list[str] | None = Field(
        default=None,
        description="The shell of sessions. By default the user's own in the image; in session mode a "
        "session without a command runs `container.Cmd`, else the image's CMD.",
        examples=[["/bin/bash"]],
    )
    subsystems: dict[str, str] = Field(
        default_factory=dict,
        description="Path in the image of the program of each subsystem. `sftp` is looked for at its usual "
        "places unless it is given here.",
        examples=[{"sftp": "/usr/lib/openssh/sftp-server"}],
    )
    accept_env: list[str] | None = Field(
        default=None,
        description="Patterns of the environment variables that clients may set, with `*` and `?` as in "
        "sshd_config(5)'s AcceptEnv; `[]` accepts none. By default every name, the container being the boundary. "
        "Never accepted are `LD_*`, `BASH_ENV`, `ENV`, `IFS`, `SHELLOPTS`, the user's own (`HOME`, `PATH`, …) and "
        "those in `container.Env`. `TERM` comes with a terminal.",
        examples=[["LANG", "LC_*"]],
    )
    disable_command: Flag = Field(
        default=False,
        description="Whether commands (`exec` requests) are refused. Shells and subsystems stay possible, and in "
        "session mode a shell can be a program of the operator's choice, see `container.Cmd`.",
        examples=[True],
    )
    linger_time: Span = Field(
        default=0.0,
        description="How long after a program's end its client waits for what that left running and still holds its "
        "stdout or stderr; then it is told the exit status, and they are ended. By default as long as it likes, as "
        "under sshd. With a terminal nobody waits, and where the engine carries the bytes 2 seconds is all that "
        "Docker Engine gives.",
        examples=["10s"],
    )
    umask: str | None = Field(
        default=None,
        description="The umask that programs begin with, octal digits in quotes. By default the engine's with at "
        "least `022`, which is sshd's. Not for the image's own `CMD` in session mode: nothing stands before it.",
        examples=["027"],
        json_schema_extra={"pattern": f"^{_UMASK.pattern}$"},
    )
    primed: Flag = Field(
        default=True,
        description="Whether a container has shells that wait for the next program, one with a terminal and one "
        "without, once its connection stays open: it begins in a few milliseconds then. In connection mode, where the "
        "gateway shares a directory with the engine's host; elsewhere every program begins as it would without. See "
        "sessions, Shells that wait.",
        examples=[False],
    )
    pipes: Annotated[Pipes, BeforeValidator(Pipes.parse)] = Field(
        default=Pipes.AUTO,
        description="Whether named pipes carry the bytes of programs without a terminal, past the engine, which is "
        "several times as fast. `auto`: where the engine's containers turn out to see `pipesDirectory`. `on`: always, "
        "and where they cannot be used programs are refused, but for those that their user's share has no pipe for. "
        "`off`: the engine carries all. See sessions, Bytes past the engine.",
        examples=["off"],
    )
    pipes_directory: FilePath | None = Field(
        default=None,
        description="Where the named pipes are made; the engine's host has to have the same folder under the same "
        "path. By default `pipes` in the state folder. Read at the start only.",
        examples=["/run/sshore/pipes"],
    )
    image_pull_policy: Annotated[PullPolicy, BeforeValidator(PullPolicy.parse)] = Field(
        default=PullPolicy.IF_NOT_PRESENT,
        description="`Always` pulls before every container, `IfNotPresent` when the engine does not have the "
        "image (whatever its tag, but for the platform asked for), `Never` not at all.",
        examples=["Never"],
    )
    auth: RegistryAuthConfig | None = Field(
        default=None,
        description="Credentials for the image's registry. By default those of the server's user, from "
        "`$DOCKER_CONFIG/config.json` or `~/.docker/config.json`; `{}` pulls as nobody.",
    )

    pool: PoolConfig = Field(default=PoolConfig(), description="Containers that are started in advance.")

    @property
    def image(self) -> str:
        """The image of the containers."""
        return str(self.container.get("Image") or DEFAULT_IMAGE)

    @property
    def shares_directory(self) -> bool:
        """Whether containers are to see a directory of the gateway's: for named pipes, or for shells that wait."""
        return self.pipes is not Pipes.OFF or (self.primed and self.mode is Mode.CONNECTION)

    @property
    def has_init(self) -> bool:
        """Whether containers have an init of the engine's as pid 1; else, in session mode, it is the program."""
        return self.host.get("Init") is not False

    @model_validator(mode="before")
    @classmethod
    def _into_the_api(cls, data: Any) -> Any:
        if not isinstance(data, Mapping):
            return data
        faults: list[Fault] = []
        result = structures(_renamed(cls.older_names, data, faults), faults)
        refuse(faults)
        return result

    @field_validator("platform", mode="before")
    @classmethod
    def _platform(cls, value: Any) -> Any:
        return platform_text(value)

    @field_validator("containername")
    @classmethod
    def _name(cls, value: str) -> str:
        if not re.fullmatch(r"[a-zA-Z0-9][a-zA-Z0-9_.-]{0,63}", value):
            raise ValueError("expected 1 to 64 characters of A-Z a-z 0-9 _ . - that begin with a letter or digit")
        return value

    @field_validator("idle_command", "shell_command")
    @classmethod
    def _argv(cls, value: list[str] | None) -> list[str] | None:
        if value is not None and not (value and value[0]):
            raise ValueError("names no program; expected a list such as ['/bin/sh', '-l']")
        if any("\0" in argument for argument in value or ()):
            raise ValueError("an argument cannot have a NUL character")
        return value

    @field_validator("accept_env")
    @classmethod
    def _patterns(cls, value: list[str] | None) -> list[str] | None:
        message = "expected one pattern such as 'LC_*': printable, without '=' or spaces"
        faulty = (index for index, pattern in enumerate(value or ()) if not _NAME_PATTERN.fullmatch(pattern))
        refuse(Fault((index,), message) for index in faulty)
        return value

    @field_validator("umask", mode="before")
    @classmethod
    def _octal(cls, value: object) -> object:
        # A bare 022 is octal to one reader of YAML and decimal to another.
        if value is not None and not (isinstance(value, str) and _UMASK.fullmatch(value)):
            raise ValueError("expected three octal digits in quotes, such as '022'")
        return value

    @field_validator("subsystems")
    @classmethod
    def _named(cls, value: dict[str, str]) -> dict[str, str]:
        refuse(Fault((name,), message) for name, program in value.items() if (message := _subsystem(name, program)))
        return value

    @model_validator(mode="after")
    def _combinations(self) -> ExecutionConfig:
        in_connection_mode = self.mode is Mode.CONNECTION
        faults = owned_faults(self.container, self.host, connection_mode=in_connection_mode)
        if self.idle_command is not None and not in_connection_mode:
            message = "there is no idle command in session mode; did you mean 'shellCommand'?"
            faults.append(Fault(("idleCommand",), message, (("mode",),)))
        if self.pool.size and not in_connection_mode:
            message = "there is no pool in session mode: a container is made for its one program"
            faults.append(Fault(("pool", "size"), message, (("mode",),)))
        refuse(faults)
        return self


def _renamed(older: Mapping[str, str], data: Mapping[str, Any], faults: list[Fault]) -> dict[str, Any]:
    result = dict(data)
    for old, new in older.items():
        if old in result and new in result:
            faults.append(Fault((old,), f"older name of '{new}', which is given as well"))
        elif old in result:
            result[new] = result.pop(old)
    return result


def _subsystem(name: str, program: str) -> str | None:
    if not re.fullmatch(r"[!-~]{1,64}", name):
        return "the name of a subsystem is 1 to 64 printable ASCII characters without spaces"
    if not program.strip() or "\0" in program:
        return "expected the path of a program in the image"
    return None
