"""A gateway on an engine of the tests' own, which may be killed or stopped in any phase."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from docker import DockerClient

from .census import Census, warm_up
from .clients import SECONDS, Client
from .engine_proxy import EngineProxy
from .gateway import Gateway, StartGateway, wait_until
from .own_engine import OwnEngine

Starting = Callable[[], AbstractContextManager[StartGateway]]
"""The fixture `starting`."""


@dataclass(frozen=True)
class Site:
    """A warm gateway that reaches its engine through a proxy, which holds it in a phase."""

    engine: OwnEngine
    proxy: EngineProxy
    gateway: Gateway
    before: Census

    def kill_engine(self) -> None:
        """`kill -9`, and wait for its end."""
        os.kill(self.engine.pid, signal.SIGKILL)
        self.engine.stop()

    @contextmanager
    def stopped_engine(self) -> Iterator[None]:
        """An engine that does nothing at all meanwhile."""
        os.kill(self.engine.pid, signal.SIGSTOP)
        wait_until(lambda: set(_states(self.engine.pid)) == {"T"})
        try:
            yield
        finally:
            os.kill(self.engine.pid, signal.SIGCONT)


def _states(pid: int) -> Iterator[str]:
    """What each thread of a process does: they do not stop all at once (proc(5))."""
    for task in Path(f"/proc/{pid}/task").iterdir():
        yield (task / "stat").read_text().rpartition(")")[2].split()[0]


@contextmanager
def site_on(engine: OwnEngine, starting: Starting, mode: str, crowd: int = 20, **more: Any) -> Iterator[Site]:
    """Start the gateway, with further arguments of `Gateway`, and let a crowd in once."""
    engine.start()
    client = DockerClient(base_url=engine.host)
    try:
        with EngineProxy(engine.host) as proxy, starting() as start:
            gateway = start(mode, client=client, host=proxy.host, **more)
            yield Site(engine, proxy, gateway, warm_up(gateway, crowd))
    finally:
        client.close()


def said(user: Client, seconds: float = SECONDS) -> str:
    """What sshore has told him, once he has his prompt back with 255."""
    assert user.wait(seconds) == 255, user.output[-300:]
    _, found, sentence = user.output.decode().rpartition("sshore: ")
    assert found, user.output[-300:]
    return sentence.strip()
