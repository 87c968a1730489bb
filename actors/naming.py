"""Names and labels of containers."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping

from ..config.text import printable
from ..engine import labels

_UNSAFE = re.compile(r"[^a-zA-Z0-9_.-]")
_LONGEST_USER = 32
_LONGEST_LABEL = 256


def container_name(prefix: str, username: str, ending: str = "") -> str:
    """Return a new name such as `sshore-alice-9f31c2d4`: readable, unique, within Docker's `[a-zA-Z0-9_.-]`."""
    readable = _UNSAFE.sub("_", username)[:_LONGEST_USER] or "_"
    return f"{prefix or 'sshore'}-{readable}-{ending or secrets.token_hex(6)}"


def pooled_name(prefix: str) -> str:
    """Return a new name such as `sshore.pool-9f31c2d4`, of a container that nobody has yet."""
    return f"{prefix or 'sshore'}.pool-{secrets.token_hex(6)}"


def name_for(pooled: str, prefix: str, username: str) -> str:
    """Return what the container that was called `pooled` is called when a user has it; the ending stays."""
    return container_name(prefix, username, pooled.rpartition("-")[2])


def user_in(name: str, pooled: str, prefix: str) -> str:
    """Return whom `name_for` made the name for; what it begins with, too, where that is not `prefix`."""
    user = name.removesuffix(f"-{pooled.rpartition('-')[2]}")
    return user.removeprefix(f"{prefix}-")


def connection_labels(shared: Mapping[str, str], connection_id: str, client: str, username: str) -> dict[str, str]:
    """Return the labels that tell whose a container is; `shared` are those of the gateway.

    Whoever reads them prints them: what is unprintable in the user's name is escaped.
    """
    return {
        **shared,
        labels.CONNECTION: connection_id,
        labels.CLIENT: client,
        labels.USER: printable(username[:_LONGEST_LABEL]),
    }
