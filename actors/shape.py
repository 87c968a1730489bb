"""What containers of connection mode have in common if one will do for the other."""

from __future__ import annotations

from dataclasses import dataclass

from ..config.models import ExecutionConfig, Pipes, PullPolicy, RegistryAuthConfig
from ..engine.types import ContainerSpec
from .specs import idle_container


@dataclass(frozen=True, slots=True)
class Shape:
    """All that the engine is asked for but the name, sshore's labels and its mount, and how the image is had.

    Nothing in it is the user's: programs get theirs (whom they run as, environment, terminal) as execs.
    """

    spec: ContainerSpec
    pull_policy: PullPolicy
    auth: RegistryAuthConfig | None
    pipes: Pipes
    primed: bool

    @classmethod
    def of(cls, execution: ExecutionConfig) -> Shape:
        """Return the shape of this configuration's containers."""
        return cls(
            idle_container(execution, "", {}),
            execution.image_pull_policy,
            execution.auth,
            execution.pipes,
            execution.primed,
        )
