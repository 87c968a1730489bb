"""Containers that sshore made and that are still there."""

from __future__ import annotations

import time
from collections.abc import Callable, Container, Mapping
from typing import Any

from docker import DockerClient
from docker.errors import NotFound

_ALL: Mapping[str, str] = {"sshore": ""}
_PAUSE = 0.05

HandedOut = Callable[[], Mapping[str, Container[str]]]
"""Returns, by the id of each gateway that lives, the names in its pool of all that it has given to users."""


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
    handed_out: HandedOut = dict,
) -> dict[str, str]:
    """Wait until all labelled containers but the `known` are gone; return what is left after `seconds`.

    Those that wait in the pools of gateways that live are not left.
    """
    deadline = time.monotonic() + seconds
    while True:
        waiting = waiting_in_pools(client, handed_out)
        found = sshore_containers(client, labels).items()
        left = {key: text for key, text in found if key not in known and key not in waiting}
        if not left or time.monotonic() > deadline:
            return left
        time.sleep(_PAUSE)


def waiting_in_pools(client: DockerClient, handed_out: HandedOut) -> set[str]:
    """Return the ids of the containers that wait in these gateways' pools, or are to.

    What has its first name yet may be a user's: he has it for a moment before the engine is told.
    """
    rows = client.api.containers(all=True, filters={"label": ["sshore.pool"]})
    given = handed_out()

    def waits(row: dict[str, Any]) -> bool:
        gateway, name = row["Labels"].get("sshore.gateway"), row["Labels"]["sshore.pool"]
        return gateway in given and name not in given[gateway] and name == _name(row)

    return {row["Id"] for row in rows if waits(row)}


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
