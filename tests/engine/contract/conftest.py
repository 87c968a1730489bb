"""The engines that the contract is held against, each with a label of its own for what a test makes."""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import Iterator
from typing import Any

import pytest
from sshore.engine.address import EngineAddress
from sshore.engine.control_shell import CONTROL_SHELL
from sshore.engine.docker_engine import DockerEngine
from sshore.engine.errors import EngineError, NotFound, ServerFault
from sshore.engine.fake.engine import FAKE_IMAGE, FakeEngine
from sshore.engine.interface import ControlInput, Engine, ProgramStream
from sshore.engine.types import ContainerSpec, ContainerSummary, ExecSpec
from support.engines import EngineAtHand, looked_at
from support.event_log import EventLog
from support.recorder import Recorder

TIMEOUT = 20.0
LABEL = "sshore-contract"
CONTRACT_KINDS = [kind for kind in looked_at() if kind != "tcp"]


class Bench:
    """An engine to try, and short ways to make things on it. All that it made is removed by `clean`."""

    def __init__(self, kind: str, engine: Engine, image: str) -> None:
        self.kind = kind
        self.engine = engine
        self.image = image
        self.is_podman = kind.startswith("podman")
        self.labels = {LABEL: secrets.token_hex(8)}
        self._controls: list[ControlInput] = []

    def container(self, *argv: str, name: str = "", host: dict[str, Any] | None = None, **config: Any) -> str:
        """Create a container whose stdin is ours."""
        host_config = {
            "AutoRemove": True,
            "Init": True,
            "NetworkMode": "none",
            "LogConfig": {"Type": "none"},
            **(host or {}),
        }
        body = {
            "Image": self.image,
            "Cmd": list(argv),
            "Labels": self.labels,
            "OpenStdin": True,
            "StdinOnce": True,
            "AttachStdin": True,
            "HostConfig": host_config,
            **config,
        }
        spec = ContainerSpec(name or f"contract-{secrets.token_hex(8)}", body)
        return self.engine.create_container(spec, timeout=TIMEOUT)

    def idle(self) -> tuple[str, ControlInput]:
        """Start a container of connection mode; return its id and its control input."""
        container = self.container("/bin/sh", "-c", CONTROL_SHELL, Entrypoint=[], User="0")
        control = self.engine.attach_control(container, timeout=TIMEOUT)
        self._controls.append(control)
        self.engine.start_container(container, timeout=TIMEOUT)
        return container, control

    def exec(self, container: str, *argv: str, **spec: Any) -> str:
        return self.engine.create_exec(container, ExecSpec(argv, **spec), timeout=TIMEOUT)

    async def open(
        self, container: str, *argv: str, tty: bool = False, **spec: Any
    ) -> tuple[str, ProgramStream, Recorder]:
        """Exec and open its stream; return the exec's id, the stream and what listens to it."""
        exec_id = self.exec(container, *argv, tty=tty, **spec)
        recorder = Recorder()
        stream = await self.engine.streams.open_exec(exec_id, recorder, tty=tty, timeout=TIMEOUT)
        return exec_id, stream, recorder

    async def shell(self, container: str, script: str, **spec: Any) -> tuple[str, ProgramStream, Recorder]:
        return await self.open(container, "/bin/sh", "-c", script, **spec)

    def wait_gone(self, container: str) -> None:
        deadline = time.monotonic() + TIMEOUT
        while time.monotonic() < deadline:
            try:
                self.engine.inspect_container(container, timeout=TIMEOUT)
            except NotFound:
                return
            time.sleep(0.02)
        raise AssertionError(f"container {container} is still there")

    def clean(self) -> None:
        for control in self._controls:
            control.close()
        for row in self._containers():
            with contextlib.suppress(EngineError):
                self.engine.remove_container(row.id, timeout=TIMEOUT)
        self.engine.close()

    def _containers(self) -> list[ContainerSummary]:
        deadline = time.monotonic() + TIMEOUT
        while True:
            try:
                return self.engine.list_containers(self.labels, timeout=TIMEOUT)
            except ServerFault:
                # podman fails where a container's process ends while it is looked at.
                if time.monotonic() > deadline:
                    raise


@pytest.fixture(params=["fake", *(pytest.param(kind, marks=pytest.mark.engine) for kind in CONTRACT_KINDS)])
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    """The fake engine, then the real ones."""
    if request.param == "fake":
        made = Bench("fake", FakeEngine(), FAKE_IMAGE)
    else:
        at: EngineAtHand = request.getfixturevalue("engine_at")(request.param)
        image = at.bring(request.getfixturevalue("mini_image"))
        section = dict(at.connection)
        made = Bench(request.param, DockerEngine(EngineAddress.parse(section.pop("host"), **section)), image)
    yield made
    made.clean()


@pytest.fixture
def events(bench: Bench) -> Iterator[EventLog]:
    """What the engine says about this test's containers."""
    log = EventLog(bench.engine, bench.labels)
    yield log
    log.close()
