"""Containers that sshore made and that are still there."""

from __future__ import annotations

import time
from collections.abc import Container, Mapping
from typing import Any

from docker import DockerClient
from docker.errors import NotFound

_ALL: Mapping[str, str] = {"sshore": ""}
_PAUSE = 0.05


def sshore_containers(client: DockerClient, labels: Mapping[str, str] = _ALL) -> dict[str, str]:
    """Return name and state by id of all containers labelled `sshore`, stopped ones too, or with these labels."""
    wanted = [f"{name}={value}" if value else name for name, value in labels.items()]
    rows = client.api.containers(all=True, filters={"label": wanted})
    return {row["Id"]: f"{_name(row)} ({row['State']})" for row in rows if not _is_ghost(client, row)}


def await_none_but(
    client: DockerClient,
    known: Container[str],
    seconds: float,
    labels: Mapping[str, str] = _ALL,
    *,
    pools_of: Container[str] = (),
) -> dict[str, str]:
    """Wait until all labelled containers but the `known` are gone; return what is left after `seconds`.

    Those in the pools of the gateways `pools_of` are not left.
    """
    deadline = time.monotonic() + seconds
    while True:
        waiting = _in_pools(client, pools_of) if pools_of else set()
        found = sshore_containers(client, labels).items()
        left = {key: text for key, text in found if key not in known and key not in waiting}
        if not left or time.monotonic() > deadline:
            return left
        time.sleep(_PAUSE)


def _in_pools(client: DockerClient, gateways: Container[str]) -> set[str]:
    """Return the ids of the containers in these gateways' pools: they still have their first name."""
    rows = client.api.containers(all=True, filters={"label": ["sshore.pool"]})
    return {
        row["Id"]
        for row in rows
        if row["Labels"].get("sshore.gateway") in gateways and _name(row) == row["Labels"]["sshore.pool"]
    }


def _is_ghost(client: DockerClient, row: dict[str, Any]) -> bool:
    """A dockerd that was killed may list what it has removed at its start, as `dead` and nameless, until the next."""
    if row["State"] != "dead" or row["Names"]:
        return False
    try:
        client.api.inspect_container(row["Id"])
    except NotFound:
        return True
    return False


def _name(row: dict[str, Any]) -> str:
    # A container whose removal is under way has lost its name.
    names = row["Names"] or [row["Id"]]
    return names[0].removeprefix("/")
