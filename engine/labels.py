"""The labels that sshore puts on everything it creates, so that others can find it again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

PRESENT: Final = "sshore"
CONNECTION: Final = "sshore.connection"
CLIENT: Final = "sshore.client"
USER: Final = "sshore.user"
GATEWAY: Final = "sshore.gateway"
MACHINE: Final = "sshore.machine"
POOL: Final = "sshore.pool"
START_LIMIT: Final = "sshore.startLimit"


def label_filter(labels: Mapping[str, str]) -> list[str]:
    """Return `labels` as the value of a `label` filter of the Docker API; an empty value means any value."""
    return [f"{key}={value}" if value else key for key, value in labels.items()]
