"""The bodies of the calls that create containers and execs, and the call that docker-py has too few arguments for."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from docker import APIClient
from docker.errors import create_api_error_from_http_exception
from requests.exceptions import HTTPError

from .hijack import detach_keys
from .tty_modes import is_told
from .types import ContainerSpec, ExecSpec


def container_body(spec: ContainerSpec, *, sized: bool) -> dict[str, Any]:
    """Return the body of "ContainerCreate". `sized`: the engine sets a terminal's size (API 1.42)."""
    config = dict(spec.config)
    if sized and is_told(spec.size):
        config["HostConfig"] = {**(config.get("HostConfig") or {}), "ConsoleSize": _rows_and_columns(spec.size)}
    return config


def exec_body(spec: ExecSpec, *, sized: bool) -> dict[str, Any]:
    """Return the body of "ContainerExec". `sized`: the engine sets a terminal's size (API 1.42)."""
    body: dict[str, Any] = {
        "AttachStdin": spec.stdin,
        "AttachStdout": True,
        "AttachStderr": True,
        "Tty": spec.tty,
        "Cmd": list(spec.argv),
        "Env": list(spec.env),
        "User": spec.user,
        "WorkingDir": spec.workdir,
        "DetachKeys": detach_keys(tty=spec.tty),
    }
    if sized and is_told(spec.size):
        body["ConsoleSize"] = _rows_and_columns(spec.size)
    return body


def create_exec(client: APIClient, container: str, body: dict[str, Any]) -> str:
    """Docker API, "ContainerExec": return the exec's id. docker-py's own knows no ConsoleSize; raises as that does."""
    url = f"{client.base_url}/v{client.api_version}/containers/{quote(container, safe='')}/exec"
    answer = client.post(url, json=body, timeout=client.timeout)
    try:
        answer.raise_for_status()
    except HTTPError as error:
        raise create_api_error_from_http_exception(error) from error
    return str(answer.json()["Id"])


def _rows_and_columns(size: tuple[int, int]) -> list[int]:
    columns, rows = size
    return [rows, columns]
