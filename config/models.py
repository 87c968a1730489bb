"""The configuration as a whole. Every attribute is immutable and may be read from any thread."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations

from pydantic import Field, PrivateAttr, model_validator

from .base import Section
from .connection import ConnectionConfig, TimeoutsConfig
from .execution import DEFAULT_IMAGE, ExecutionConfig, Mode, Pipes, PullPolicy
from .limits import LimitsConfig
from .listen import overlap, parse_listen
from .problems import Fault, Problem, refuse
from .registry import RegistryAuthConfig
from .server import AuthConfig, HealthConfig, LogConfig, LogFormat, LogLevel, MetricsConfig, SshConfig

__all__ = [
    "DEFAULT_IMAGE",
    "AuthConfig",
    "Config",
    "ConnectionConfig",
    "DockerConfig",
    "ExecutionConfig",
    "HealthConfig",
    "LimitsConfig",
    "LogConfig",
    "LogFormat",
    "LogLevel",
    "MetricsConfig",
    "Mode",
    "Pipes",
    "PullPolicy",
    "RegistryAuthConfig",
    "SshConfig",
    "TimeoutsConfig",
    "parse_listen",
]


class DockerConfig(Section):
    """Everything about Docker."""

    connection: ConnectionConfig = Field(default=ConnectionConfig(), description="The Docker Engine.")
    execution: ExecutionConfig = Field(
        default=ExecutionConfig(), description="The containers, and the programs in them."
    )
    timeouts: TimeoutsConfig = Field(default=TimeoutsConfig(), description="How long each operation may take.")


class Config(Section):
    """What an operator can set."""

    ssh: SshConfig = Field(default=SshConfig(), description="The SSH listener.")
    auth: AuthConfig = Field(default=AuthConfig(), description="Who may log in.")
    limits: LimitsConfig = Field(default=LimitsConfig(), description="What clients may take.")
    log: LogConfig = Field(default=LogConfig(), description="The log, which goes to stderr.")
    metrics: MetricsConfig = Field(default=MetricsConfig(), description="The Prometheus exporter.")
    health: HealthConfig = Field(default=HealthConfig(), description="The health endpoints.")
    docker: DockerConfig = Field(default=DockerConfig(), description="Everything about Docker.")

    _notes: tuple[Problem, ...] = PrivateAttr(default=())

    @property
    def notes(self) -> tuple[Problem, ...]:
        """What a file of another program said that was accepted without its old effect; to be told the operator."""
        return self._notes

    def with_notes(self, notes: Iterable[Problem]) -> Config:
        """Return the same configuration with these notes."""
        noted = self.model_copy()
        noted._notes = tuple(notes)
        return noted

    @model_validator(mode="after")
    def _listeners(self) -> Config:
        listeners = {"ssh": self.ssh.listen}
        if self.metrics.enable:
            listeners["metrics"] = self.metrics.listen
        if self.health.enable:
            listeners["health"] = self.health.listen
        refuse(
            Fault(
                (second, "listen"),
                f"{listeners[second]} is taken by {first}.listen ({listeners[first]})",
                ((first, "listen"), (second, "listen")),
            )
            for first, second in combinations(listeners, 2)
            if overlap(listeners[first], listeners[second])
        )
        return self
