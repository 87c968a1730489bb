"""ContainerSSH's `docker` section (0.4 and later): the same keys, with what is different here taken into account."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .docker_api import NETWORK
from .execution import Mode, PullPolicy
from .go_values import in_terms_of_the_engine, said
from .owned import (
    HOST_OWNED_IN_CONNECTION_MODE,
    OWNED_CONTAINER,
    OWNED_HOST,
    OWNED_IN_CONNECTION_MODE,
    OWNED_IN_SESSION_MODE,
)
from .problems import KeyPath
from .translation import Translation, is_zero

GUEST_IMAGE = "containerssh/containerssh-guest-image"
AGENT = "containerssh-agent"

_CONNECTION_KEYS = ("host", "cacert", "cert", "key")
_AT: KeyPath = ("docker", "execution")
_AGENT_KEYS = {
    "agentPath": "ignored: sshore needs no agent in the image",
    "disableAgent": "ignored: sshore needs no agent in the image, and signals work without one",
    "exposeAuthMetadataAsEnv": "ignored: logins have no metadata here, so there is nothing to expose",
}
_IDLE = ("idleCommand", "idleProgram")
_COMMANDS = (*_IDLE, "shellCommand")


def translate_docker(section: Any, t: Translation, *, own_image: bool) -> Any:
    """Return the section in sshore's keys; `own_image` fills in ContainerSSH's image where there is none."""
    if not isinstance(section, Mapping):
        return section
    result = _connection_in_place(section, t)
    if isinstance(result.get("connection"), Mapping):
        result["connection"] = _connection(result["connection"], t)
    execution = result.get("execution")
    if isinstance(execution, Mapping | None) and (own_image or execution):
        result["execution"] = _execution(execution or {}, t, own_image=own_image)
    return result


def _connection_in_place(section: Mapping[str, Any], t: Translation) -> dict[str, Any]:
    """Move `host` and the certificates, which older examples have directly below `docker`."""
    result = {key: value for key, value in section.items() if key not in _CONNECTION_KEYS}
    stray = {key: value for key, value in section.items() if key in _CONNECTION_KEYS}
    if not stray or not isinstance(result.get("connection"), Mapping | None):
        return dict(section)
    for key in stray:
        t.note(("docker", key), f"taken as docker.connection.{key}")
        t.moved(("docker", "connection", key), ("docker", key))
    result["connection"] = {**stray, **(result.get("connection") or {})}
    return result


def _connection(connection: Mapping[str, Any], t: Translation) -> dict[str, Any]:
    result = {key: value for key, value in connection.items() if value != ""}
    host = result.get("host")
    if isinstance(host, str) and "://" not in host:
        result["host"] = f"tcp://{host}"
        t.note(("docker", "connection", "host"), "taken as tcp://, as it has no scheme")
    return result


def _execution(given: Mapping[str, Any], t: Translation, *, own_image: bool) -> dict[str, Any]:
    result = _renamed(given, t)
    for key, message in _AGENT_KEYS.items():
        if result.pop(key, None) is not None:
            t.note((*_AT, key), message)
    for key in (*_COMMANDS, "containername", "mode", "imagePullPolicy"):
        if is_zero(result.get(key)):
            result.pop(key, None)
    container, host = in_terms_of_the_engine(result.get("container"), result.get("host"), _AT, t)
    result |= {
        "container": container,
        "host": host,
        "network": said(NETWORK, result.get("network"), (*_AT, "network"), t),
    }
    _credentials(result)
    _platform(result, t)
    _without_idle_command(result, t)
    _without_owned(result, t)
    if own_image and isinstance(result["container"] or {}, dict):
        _image(result, t)
    _tell_differences(result, t)
    return {key: value for key, value in result.items() if value is not None}


def _renamed(given: Mapping[str, Any], t: Translation) -> dict[str, Any]:
    result = dict(given)
    if "containerName" in result and "containername" not in result:
        t.moved((*_AT, "containername"), t.origin((*_AT, "containerName")))
        result["containername"] = result.pop("containerName")
    return result


def _credentials(execution: dict[str, Any]) -> None:
    if isinstance(auth := execution.get("auth"), dict):
        execution["auth"] = {key: value for key, value in auth.items() if value != ""} or None


def _platform(execution: dict[str, Any], t: Translation) -> None:
    if not isinstance(platform := execution.get("platform"), dict):
        return
    result = {}
    for key, value in platform.items():
        if key.lower().replace(".", "") in ("osversion", "osfeatures"):
            if not is_zero(value):
                t.note((*_AT, "platform", key), "ignored: the engine chooses an image by OS and architecture only")
        elif not is_zero(value):
            result[key] = value
    execution["platform"] = result or None


def _without_idle_command(execution: dict[str, Any], t: Translation) -> None:
    for key in _IDLE:
        command = execution.get(key)
        if command is None:
            continue
        if _in_session_mode(execution):
            t.note((*_AT, key), "ignored: in session mode nothing idles")
        elif isinstance(command, list) and AGENT in str(command[0]):
            t.note((*_AT, key), "ignored: sshore's own idle program needs nothing but /bin/sh in the image")
        else:
            t.note((*_AT, key), "kept; if it does not end when its stdin ends, signals and clean-up take a slower way")
            continue
        del execution[key]


def _without_owned(execution: dict[str, Any], t: Translation) -> None:
    session = _in_session_mode(execution)
    container = {**OWNED_CONTAINER, **(OWNED_IN_SESSION_MODE if session else OWNED_IN_CONNECTION_MODE)}
    host = {**OWNED_HOST, **({} if session else HOST_OWNED_IN_CONNECTION_MODE)}
    for section, owned in (("container", container), ("host", host)):
        values = execution[section]
        for key, own in owned.items() if isinstance(values, dict) else ():
            if key in values and values[key] != own:
                t.note((*_AT, section, key), f"ignored: {_reason(key)}")
                values.pop(key)


def _reason(key: str) -> str:
    if key in ("Cmd", "Entrypoint"):
        return "in connection mode the idle program is the main process"
    return "sshore decides this by itself for every session"


def _image(execution: dict[str, Any], t: Translation) -> None:
    container = execution["container"] or {}
    if not container.get("Image"):
        t.note((*_AT, "container"), f"without an Image ContainerSSH's own is used, {GUEST_IMAGE}")
        execution["container"] = {**container, "Image": GUEST_IMAGE}


def _tell_differences(execution: dict[str, Any], t: Translation) -> None:
    if execution.get("containername") is not None:
        t.note((*_AT, "containername"), "names begin with it: two containers cannot have the same")
    subsystems = execution.get("subsystems")
    if isinstance(subsystems, dict) and "sftp" not in subsystems:
        t.note((*_AT, "subsystems"), "sftp is offered as well where the image has it")
    policy = str(execution.get("imagePullPolicy") or PullPolicy.IF_NOT_PRESENT).lower()
    container = execution["container"]
    image = str(container.get("Image") or "") if isinstance(container, dict) else ""
    if policy == PullPolicy.IF_NOT_PRESENT.lower() and image and _is_latest(image):
        message = f"{image!r} is pulled only where it is missing; ContainerSSH pulled it for every container"
        t.note((*_AT, "imagePullPolicy"), message)


def _is_latest(image: str) -> bool:
    name = image.rpartition("/")[2]
    return "@" not in name and name.partition(":")[2] in ("", "latest")


def _in_session_mode(execution: Mapping[str, Any]) -> bool:
    return str(execution.get("mode") or "").lower() == Mode.SESSION
