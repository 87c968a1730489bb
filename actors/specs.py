"""What sshore asks the engine to create: the operator's structures with the keys that sshore owns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..config.hardening import forbids_new_privileges, hardened
from ..config.models import ExecutionConfig
from ..engine.control_shell import CONTROL_SHELL
from ..engine.launcher import SHELL, UMASK_OF_SSHD, NamedPipes, Program, Tty, launch_argv
from ..engine.raw_text import as_text
from ..engine.tty_modes import is_told
from ..engine.types import ContainerSpec, ImageInfo
from .messages import RequestPty

NETWORK = "sshore"
NETWORK_OPTIONS = {"com.docker.network.bridge.enable_icc": "false"}
"""The network that containers join unless configured: out to the world, but not to each other."""

IDLE_USER = "0"


def with_mount(spec: ContainerSpec, mount: Mapping[str, Any]) -> ContainerSpec:
    """Return the container with one more mount, behind the operator's."""
    host = spec.config["HostConfig"]
    mounts = [*(host.get("Mounts") or ()), mount]
    return replace(spec, config={**spec.config, "HostConfig": {**host, "Mounts": mounts}})


def idle_container(execution: ExecutionConfig, name: str, labels: Mapping[str, str]) -> ContainerSpec:
    """Connection mode: the idle program, whose stdin the gateway holds."""
    return _container(
        execution,
        name,
        labels,
        Entrypoint=[],
        Cmd=list(execution.idle_command or (SHELL, "-c", CONTROL_SHELL)),
        User=IDLE_USER,
        AttachStdout=False,
        AttachStderr=False,
        Tty=False,
    )


def program_container(
    execution: ExecutionConfig,
    name: str,
    labels: Mapping[str, str],
    *,
    argv: Sequence[str] | None,
    env: Mapping[str, str],
    pty: RequestPty | None,
) -> ContainerSpec:
    """Session mode: the program itself; `argv` None leaves the configured or the image's CMD."""
    words, clients = as_text(argv or (), client_environment(execution, env))
    own: dict[str, Any] = {
        "AttachStdout": True,
        "AttachStderr": True,
        "Tty": pty is not None,
        # The client's first: the operator's win.
        "Env": [*clients, *(execution.container.get("Env") or ())],
    }
    if argv is not None:
        own["Cmd"] = list(words)
    return replace(_container(execution, name, labels, **own), size=terminal_size(pty))


def program_argv(
    execution: ExecutionConfig,
    program: Program,
    pty: RequestPty | None,
    *,
    say_pid: bool,
    sizes_terminals: bool,
    pipes: NamedPipes | None = None,
) -> tuple[str, ...]:
    """Return the argv of the launcher for `program`; it sets the terminal's size unless the engine does."""
    size = terminal_size(pty)
    tty = Tty(None if sizes_terminals and is_told(size) else size, pty.modes) if pty else None
    stay = bool(execution.container.get("WorkingDir"))
    umask = execution.umask or UMASK_OF_SSHD
    return launch_argv(program, tty=tty, stay=stay, say_pid=say_pid, pipes=pipes, umask=umask)


def bare_environment(user: str, pty: RequestPty | None) -> dict[str, str]:
    """Return what can be said of the login environment where no launcher runs. `user` is Docker's, empty for root.

    A container's first terminal is its `/dev/pts/0`.
    """
    name = user.partition(":")[0] or "0"
    name = "root" if name == "0" else name
    known = {} if name.isdigit() else {"USER": name, "LOGNAME": name}
    return known | ({"SSH_TTY": "/dev/pts/0"} if pty else {})


def guard_user(execution: ExecutionConfig, user: str) -> str:
    """Return whom a guard runs as; `user` is the program's, as Docker has it, empty for root.

    It is uid 0, whom no other user can touch. But without new privileges an exec as root in a container of another
    user gets no capability at all (measured with Docker 20.10), so it could not signal him: there it is himself.
    """
    is_root = user.partition(":")[0] in ("", "0", "root")
    return user if forbids_new_privileges(execution.host) and not is_root else IDLE_USER


def program_user(execution: ExecutionConfig, image: ImageInfo) -> str:
    """Return whom programs run as, as Docker has it, empty for root."""
    return str(execution.container.get("User") or image.user)


def terminal_size(pty: RequestPty | None) -> tuple[int, int] | None:
    """Return columns × rows."""
    return (pty.columns, pty.rows) if pty else None


def client_environment(execution: ExecutionConfig, env: Mapping[str, str]) -> list[str]:
    """Return the client's `NAME=value` strings without those that the operator has set."""
    fixed = {entry.split("=", 1)[0] for entry in execution.container.get("Env") or ()}
    return [f"{name}={value}" for name, value in env.items() if name not in fixed]


def _container(execution: ExecutionConfig, name: str, labels: Mapping[str, str], **own: Any) -> ContainerSpec:
    config = {
        **execution.container,
        "Image": execution.image,
        "Labels": {**(execution.container.get("Labels") or {}), **labels},
        "HostConfig": _host(execution),
        "OpenStdin": True,
        "StdinOnce": True,
        "AttachStdin": True,
        **own,
    }
    if execution.network:
        config["NetworkingConfig"] = execution.network
    return ContainerSpec(name, config, execution.platform)


def joins_own_network(execution: ExecutionConfig) -> bool:
    """Whether containers join the network that sshore creates."""
    return not execution.network and execution.host.get("NetworkMode", NETWORK) == NETWORK


def _host(execution: ExecutionConfig) -> dict[str, Any]:
    host = {"LogConfig": {"Type": "none"}, **hardened(execution.host), "AutoRemove": True, "Init": execution.has_init}
    if not execution.network:
        host.setdefault("NetworkMode", NETWORK)
    return host
