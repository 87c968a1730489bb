"""The configurations of sshore that are compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from sshore.config.models import ExecutionConfig


@dataclass(frozen=True, slots=True)
class Flavour:
    """A server's configuration: what of sshore's short cuts it takes. `pool` is how many containers wait."""

    name: str
    pipes: bool = False
    primed: bool = False
    pool: int = 0

    @property
    def settings(self) -> list[tuple[str, Any, bool]]:
        """The keys of `docker.execution`, their values, and whether the flavour can do without the key."""
        return [
            ("pipes", "auto" if self.pipes else "off", not self.pipes),
            ("primed", self.primed, not self.primed),
            ("pool", {"size": self.pool}, not self.pool),
        ]

    @property
    def is_possible(self) -> bool:
        """Whether the configuration of today knows everything that it takes."""
        return all(_is_known(key, value) or spare for key, value, spare in self.settings)

    @property
    def execution(self) -> Mapping[str, Any]:
        """What it adds to `docker.execution`: a short cut that the configuration does not know needs no `off`."""
        return {key: value for key, value, _ in self.settings if _is_known(key, value)}


FLAVOURS = (
    Flavour("plain"),
    Flavour("pipes", pipes=True),
    Flavour("primed", pipes=True, primed=True),
    Flavour("pool", pipes=True, primed=True, pool=2),
)


def possible_flavours() -> list[Flavour]:
    """Return those that can be had: the first always can."""
    return [flavour for flavour in FLAVOURS if flavour.is_possible]


def chosen_flavours(names: Sequence[str], *, few: bool) -> list[Flavour]:
    """Return those with these names; all that are possible if there are none, or the first and the last of `few`."""
    possible = possible_flavours()
    if names:
        return [flavour for flavour in possible if flavour.name in names]
    return list(dict.fromkeys([possible[0], possible[-1]])) if few else possible


def _is_known(key: str, value: object) -> bool:
    try:
        ExecutionConfig.model_validate({key: value})
    except ValidationError:
        return False
    return True
