"""`sshore ps`: whose containers run, from their labels; those that waited in a pool tell it by their names."""

from __future__ import annotations

import time

from rich.console import Console
from rich.table import Table

from ..actors.naming import user_in
from ..backend.backend import engine_address
from ..config.models import DockerConfig
from ..config.text import printable
from ..engine import labels
from ..engine.docker_engine import DockerEngine
from ..engine.types import ContainerSummary

_COLUMNS = ("CONNECTION", "USER", "CLIENT", "CONTAINER", "IMAGE", "STATE", "AGE")
_SHOWN_OF_ID = 12
_WAITING = "(waiting)"
# A name that is cut off helps nobody, neither in a pipe nor in a narrow terminal.
_WIDEST = 1000


def print_containers(docker: DockerConfig) -> None:
    """Print a table of sshore's containers on the engine, the oldest first. Blocks; raises EngineError."""
    engine = DockerEngine(engine_address(docker.connection))
    try:
        found = engine.list_containers({labels.PRESENT: ""}, timeout=docker.timeouts.http)
    finally:
        engine.close()
    table = Table(*_COLUMNS, box=None, pad_edge=False)
    for container in sorted(found, key=lambda each: each.created):
        table.add_row(*map(printable, _row(container, docker.execution.containername)))
    Console(highlight=False, markup=False, soft_wrap=True, width=_WIDEST).print(table)


def _row(container: ContainerSummary, prefix: str) -> tuple[str, ...]:
    return (
        *whose(container, prefix),
        container.name,
        container.image,
        container.state,
        f"{max(0, int(time.time() - container.created))}s",
    )


def whose(container: ContainerSummary, prefix: str) -> tuple[str, str, str]:
    """Return the connection, the user and the client, empty where nobody knows."""
    pooled = container.labels.get(labels.POOL)
    if pooled == container.name:
        return _WAITING, "", ""
    if pooled:
        nameless = container.name == container.id
        return "", "" if nameless else user_in(container.name, pooled, prefix), ""
    found = (container.labels.get(label, "") for label in (labels.CONNECTION, labels.USER, labels.CLIENT))
    connection, user, client = found
    return connection[:_SHOWN_OF_ID], user, client
