"""What a connection and its sessions are given to work with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..config.models import DockerConfig
from ..engine.interface import Engine
from ..engine.pipes.sharing import Sharing
from ..engine.turns import Turns
from ..engine.watcher import EventWatcher
from ..metrics.counters import Metrics
from .log import Log
from .ports import Ledger, Timers
from .primed import ShellOpener
from .ref import Ref


@dataclass(frozen=True, slots=True)
class House:
    """What all connections of a backend share. The root passes on ImageWanted, GuestWanted and RemoveLater."""

    watcher: EventWatcher
    turns: Turns
    ledger: Ledger
    timers: Timers
    metrics: Metrics
    root: Ref
    labels: Mapping[str, str]
    shells: ShellOpener
    sharing: Sharing | None = None
    """The named pipes, None without any."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """One connection's view: the engine with its counters, its configuration, logger and labels."""

    house: House
    engine: Engine
    docker: DockerConfig
    log: Log
    labels: Mapping[str, str]
