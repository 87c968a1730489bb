"""The section about containers that are started before anybody needs them."""

from __future__ import annotations

from pydantic import Field

from .base import Duration, Section
from .limits import Count


class PoolConfig(Section):
    """Containers that wait for users, in connection mode. Who logs in is given one, and another is started."""

    size: Count = Field(
        default=0,
        description="Containers that wait, started; 0 is none. Each takes the memory of a shell, and what the image's "
        "files take that it changes. Not in session mode, where a container is made for one program.",
        examples=[2],
    )
    max_age: Duration = Field(
        default=3600.0,
        description="A container that waited this long is replaced. With `imagePullPolicy: Always` a user's image is "
        "at most so old.",
        examples=["10m"],
    )
