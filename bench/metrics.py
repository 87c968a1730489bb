"""What a server says of itself."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

_SECONDS = 30.0


def samples(url: str) -> Iterator[Sample]:
    """Return all that its exporter at `url` has. Raises OSError."""
    with urllib.request.urlopen(url, timeout=_SECONDS) as answer:
        families = text_string_to_metric_families(answer.read().decode())
    return (sample for family in families for sample in family.samples)
