"""The section about containers that are started before anybody needs them."""

from __future__ import annotations

from pydantic import Field, field_validator

from .base import Duration, Section
from .limits import Count

_YOUNGEST = 1.0


class PoolConfig(Section):
    """Containers that wait for users, in connection mode. Who logs in is given one, and another is started."""

    size: Count = Field(
        default=0,
        description="Containers that wait, started; 0 is none. Not in session mode, where a container is made for its "
        "one program.",
        examples=[2],
    )
    max_age: Duration = Field(
        default=3600.0,
        description="A container that waited this long is replaced. With `imagePullPolicy: Always` a user's image is "
        "at most so old.",
        examples=["10m"],
    )

    @field_validator("max_age")
    @classmethod
    def _age(cls, value: float) -> float:
        if value < _YOUNGEST:
            raise ValueError(f"expected at least {_YOUNGEST:g}s: nothing would wait long enough for a user")
        return value
