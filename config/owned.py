"""What sshore owns of a container: keys of the Docker API that an operator cannot set otherwise."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .problems import Fault

LABEL_PREFIX = "sshore"

OWNED_CONTAINER: Mapping[str, Any] = {
    "OpenStdin": True,
    "StdinOnce": True,
    "AttachStdin": True,
    "Tty": False,
}
OWNED_HOST: Mapping[str, Any] = {"AutoRemove": True}
HOST_OWNED_IN_CONNECTION_MODE: Mapping[str, Any] = {"Init": True}
OWNED_IN_CONNECTION_MODE: Mapping[str, Any] = {
    "AttachStdout": False,
    "AttachStderr": False,
    "Entrypoint": [],
    "Cmd": [],
}
OWNED_IN_SESSION_MODE: Mapping[str, Any] = {"AttachStdout": True, "AttachStderr": True}

_REASONS = {
    "OpenStdin": "its end is what ends the container",
    "StdinOnce": "its end is what ends the container",
    "AttachStdin": "sshore attaches by itself",
    "AttachStdout": "sshore attaches by itself",
    "AttachStderr": "sshore attaches by itself",
    "Tty": "there is a terminal when the client asks for one",
    "AutoRemove": "a container goes with its connection",
    "Init": "in connection mode signals and orphans need an init, see Init: false in sessions",
    "Entrypoint": "in connection mode the idle command is the main process, see idleCommand",
    "Cmd": "in connection mode the idle command is the main process, see idleCommand",
}
_MODE = (("mode",),)


def owned_faults(container: Mapping[str, Any], host: Mapping[str, Any], *, connection_mode: bool) -> list[Fault]:
    """Name every owned key that has another value than sshore's own. Keys are in the API's spelling."""
    faults = [
        *_differing("container", container, OWNED_CONTAINER),
        *_differing("host", host, OWNED_HOST),
        *_labels(container),
        *_restart_policy(host),
    ]
    by_mode = OWNED_IN_CONNECTION_MODE if connection_mode else OWNED_IN_SESSION_MODE
    found = list(_differing("container", container, by_mode))
    if connection_mode:
        found += _differing("host", host, HOST_OWNED_IN_CONNECTION_MODE)
    return faults + [Fault(fault.path, fault.message, _MODE) for fault in found]


def _differing(section: str, given: Mapping[str, Any], owned: Mapping[str, Any]) -> Iterator[Fault]:
    for key, value in owned.items():
        if given.get(key) is not None and given[key] != value:
            shown = str(value).lower()
            yield Fault((section, key), f"sshore owns this key ({shown}): {_REASONS[key]}")


def _labels(container: Mapping[str, Any]) -> Iterator[Fault]:
    for label in container.get("Labels") or {}:
        if label.startswith(LABEL_PREFIX):
            yield Fault(("container", "Labels", label), f"sshore owns every label that begins with '{LABEL_PREFIX}'")


def _restart_policy(host: Mapping[str, Any]) -> Iterator[Fault]:
    if ((host.get("RestartPolicy") or {}).get("Name") or "no") != "no":
        message = "sshore owns this key ('no'): a container goes with its connection and is never restarted"
        yield Fault(("host", "RestartPolicy", "Name"), message)
