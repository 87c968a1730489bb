"""What containers of connection mode have in common if one will do for the other."""

from __future__ import annotations

from dataclasses import dataclass

from ..config.models import ExecutionConfig, Pipes, PullPolicy, RegistryAuthConfig
from ..engine.types import ContainerSpec
from .specs import idle_container


@dataclass(frozen=True, slots=True)
class Shape:
    """All that the engine is asked for but the name, sshore's labels and its mount, and how the image is had.

    Programs get what is theirs (environment, terminal) as execs; whom they run as makes a difference where shells wait.
    """

    spec: ContainerSpec
    pull_policy: PullPolicy
    auth: RegistryAuthConfig | None
    pipes: Pipes
    shells_of: str | None
    """The configured user of the shells that wait, empty for the image's own; None if none do."""

    @classmethod
    def of(cls, execution: ExecutionConfig) -> Shape:
        """Return the shape of this configuration's containers."""
        return cls(
            idle_container(execution, "", {}),
            execution.image_pull_policy,
            execution.auth,
            execution.pipes,
            str(execution.container.get("User") or "") if execution.primed else None,
        )
