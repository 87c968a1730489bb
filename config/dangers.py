"""What in a valid configuration gives users, or others, more than an operator may have meant to: to be said once."""

from __future__ import annotations

import ipaddress
import os.path
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from .listen import EVERY_ADDRESS, parse_listen
from .models import Config, ConnectionConfig, LimitsConfig, MetricsConfig
from .problems import DANGEROUS, Fault, KeyPath

_EXECUTION: KeyPath = ("docker", "execution")
_HOST: KeyPath = (*_EXECUTION, "host")
_NAMESPACES = {
    "NetworkMode": "reach whatever listens on the host, its loopback included",
    "PidMode": "see all processes of the host, and root may signal them",
    "IpcMode": "reach the shared memory of all processes of the host",
    "UTSMode": "share the host's name, which root may change",
    "UsernsMode": "are outside of the engine's user namespace: root in them is root on the host",
    "CgroupnsMode": "see the host's control groups",
}
_SOCKETS = (
    *("/var/run/docker.sock", "/run/docker.sock", "/run/containerd/containerd.sock"),
    *("/run/podman/podman.sock", "/run/crio/crio.sock"),
)
_OF_THE_HOST = (
    *("/boot", "/dev", "/etc", "/home", "/lib", "/proc", "/root", "/sys", "/usr"),
    *("/var/lib/docker", "/var/lib/containerd", "/var/lib/containers"),
)
_CAPABILITIES = {
    "ALL": "all capabilities: root in a container is as good as root on the host",
    **dict.fromkeys(
        ("BPF", "DAC_READ_SEARCH", "SYS_ADMIN", "SYS_BOOT", "SYS_MODULE", "SYS_RAWIO"),
        "with this capability root can get out of a container",
    ),
}
_UNCONFINED = re.compile(r"(seccomp|apparmor|systempaths)[=:]unconfined|label[=:]disable")
_ALL_DEVICES = re.compile(r"\s*a\b")
_HARMLESS_DEVICES = frozenset(f"/dev/{name}" for name in ("full", "null", "random", "tty", "urandom", "zero"))
_NO_BOUND = ("client_alive_count_max",)
"""Limits whose 0 takes nothing from anybody."""


def dangers(config: Config) -> Iterator[Fault]:
    """Yield one sentence for each key that is dangerous, with its path."""
    for fault in (*_containers(config), *_engine(config.docker.connection), *_server(config)):
        yield Fault(fault.path, f"{DANGEROUS}{fault.message}")


def _containers(config: Config) -> Iterator[Fault]:
    host = config.docker.execution.host
    if host.get("Privileged"):
        yield Fault((*_HOST, "Privileged"), "root in a container is root on the host")
    for key, what in _NAMESPACES.items():
        if host.get(key) == "host":
            yield Fault((*_HOST, key), f"users {what}")
    endpoints = config.docker.execution.network.get("EndpointsConfig") or {}
    if "host" in endpoints:
        yield Fault((*_EXECUTION, "network", "EndpointsConfig", "host"), f"users {_NAMESPACES['NetworkMode']}")
    yield from _mounts(host, _own_sockets(config.docker.connection))
    yield from _powers(host)


def _texts(host: Mapping[str, Any], key: str) -> Iterator[tuple[int, str]]:
    """A list's items with their places; null is one that says nothing."""
    return ((index, item) for index, item in enumerate(host.get(key) or ()) if item is not None)


def _powers(host: Mapping[str, Any]) -> Iterator[Fault]:
    for index, name in _texts(host, "CapAdd"):
        if found := _CAPABILITIES.get(name.upper().removeprefix("CAP_")):
            yield Fault((*_HOST, "CapAdd", index), found)
    for index, option in _texts(host, "SecurityOpt"):
        if _UNCONFINED.fullmatch(option):
            yield Fault((*_HOST, "SecurityOpt", index), f"{option} takes a wall between containers and the host away")
    for key in ("MaskedPaths", "ReadonlyPaths"):
        if host.get(key) == []:
            yield Fault((*_HOST, key), "an empty list opens the kernel's files to root in a container")
    for index, device in enumerate(host.get("Devices") or ()):
        path = (device or {}).get("PathOnHost") or ""
        if path and os.path.normpath(path) not in _HARMLESS_DEVICES:
            yield Fault((*_HOST, "Devices", index), "users reach a device of the host")
    for index, rule in _texts(host, "DeviceCgroupRules"):
        if _ALL_DEVICES.match(rule):
            yield Fault((*_HOST, "DeviceCgroupRules", index), "users reach all devices of the host")
    limit = host.get("PidsLimit")
    if limit is not None and limit <= 0:
        yield Fault((*_HOST, "PidsLimit"), "without it a fork bomb takes the host's process ids")


def _mounts(host: Mapping[str, Any], sockets: tuple[str, ...]) -> Iterator[Fault]:
    for index, bind in _texts(host, "Binds"):
        yield from _mounted((*_HOST, "Binds", index), bind.partition(":")[0], sockets)
    for index, mount in enumerate(host.get("Mounts") or ()):
        mount = mount or {}
        if mount.get("Type") == "bind":
            yield from _mounted((*_HOST, "Mounts", index), mount.get("Source") or "", sockets)
        driver = (mount.get("VolumeOptions") or {}).get("DriverConfig") or {}
        device = (driver.get("Options") or {}).get("device") or ""
        yield from _mounted((*_HOST, "Mounts", index), device, sockets)


def _mounted(path: KeyPath, source: str, sockets: tuple[str, ...]) -> Iterator[Fault]:
    if not source.startswith("/"):
        return
    # Two slashes in front mean no more than one.
    place = f"/{os.path.normpath(source).lstrip('/')}"
    if place == "/":
        yield Fault(path, "users have the host's whole file system, and the engine's socket in it")
    elif any(socket == place or socket.startswith(f"{place}/") for socket in sockets):
        yield Fault(path, f"users reach the engine's socket in {place}, and so are root on the host; 'ro' is no help")
    elif place in _OF_THE_HOST:
        yield Fault(path, f"users have the host's {place}")


def _own_sockets(connection: ConnectionConfig) -> tuple[str, ...]:
    scheme, _, path = connection.host.partition("://")
    if scheme != "unix":
        return _SOCKETS
    return (*_SOCKETS, os.path.normpath(path), os.path.realpath(path))


def _engine(connection: ConnectionConfig) -> Iterator[Fault]:
    parts = urlsplit(connection.host)
    has_tls = parts.scheme == "https" or any((connection.cacert, connection.cert, connection.key))
    if parts.scheme in ("tcp", "http") and not has_tls and not _is_here(parts.hostname or ""):
        message = "without TLS whoever is between here and the engine is root on its host: give cacert, cert and key"
        yield Fault(("docker", "connection", "host"), message)


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.rstrip(".").lower() == "localhost"


def _server(config: Config) -> Iterator[Fault]:
    keys = config.auth.authorized_keys
    if keys is not None and "%u" not in keys.replace("%%", ""):
        message = "without %u in it each of these keys logs in as any user"
        yield Fault(("auth", "authorizedKeys"), message)
    yield from _unlimited(config.limits)
    yield from _exposed(config.metrics)


def _unlimited(limits: LimitsConfig) -> Iterator[Fault]:
    for name, field in LimitsConfig.model_fields.items():
        if field.default and not getattr(limits, name) and name not in _NO_BOUND:
            yield Fault(("limits", field.alias or name), "0 switches this limit off")


def _exposed(metrics: MetricsConfig) -> Iterator[Fault]:
    if metrics.enable and parse_listen(metrics.listen)[0] in EVERY_ADDRESS:
        yield Fault(("metrics", "listen"), "whoever reaches this machine reads the metrics, which ask for no password")
