"""The fake engine's programs alone: `python -m bench.idle.fake_programs` starts as many more as a line of stdin says.

A container's idle shell and a user's shell in it, each with its open stream, as sshore has them; but without sshore.
It prints the number of containers whenever they run.
"""

from __future__ import annotations

import asyncio
import sys

from sshore.engine.control_shell import CONTROL_SHELL
from sshore.engine.fake.engine import FAKE_IMAGE, FakeEngine
from sshore.engine.fake.streams import FakeControl, FakeStream
from sshore.engine.launcher import LoginShell, launch_argv
from sshore.engine.types import ContainerSpec, ExecSpec

_SECONDS = 10.0


class _Listener:
    """A `ProgramReceiver` that keeps nothing."""

    def __init__(self) -> None:
        self.spoke = asyncio.Event()

    def output_received(self, data: bytes | memoryview, *, stderr: bool) -> None:
        self.spoke.set()

    def ended(self, failure: Exception | None) -> None: ...

    def pause_input(self) -> None: ...

    def resume_input(self) -> None: ...


async def _start(engine: FakeEngine, number: int) -> tuple[FakeControl, FakeStream]:
    body = {
        "Image": FAKE_IMAGE,
        "Cmd": ["/bin/sh", "-c", CONTROL_SHELL],
        "OpenStdin": True,
        "StdinOnce": True,
        "HostConfig": {"NetworkMode": "none"},
    }
    container = engine.create_container(ContainerSpec(f"idle-{number}", body), timeout=_SECONDS)
    control = engine.attach_control(container, timeout=_SECONDS)
    engine.start_container(container, timeout=_SECONDS)
    argv = launch_argv(LoginShell(), say_pid=True)
    shell = engine.create_exec(container, ExecSpec(argv=argv, env=(), tty=True), timeout=_SECONDS)
    listener = _Listener()
    stream = await engine.streams.open_exec(shell, listener, tty=True, timeout=_SECONDS)
    await listener.spoke.wait()
    return control, stream


async def _main() -> None:
    engine, held = FakeEngine(), []
    while line := await asyncio.to_thread(sys.stdin.readline):
        for _ in range(int(line)):
            held.append(await _start(engine, len(held)))
        print(len(held), flush=True)


if __name__ == "__main__":
    asyncio.run(_main())
