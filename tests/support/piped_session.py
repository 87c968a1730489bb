"""A session of the loop on real named pipes, with a program of this machine at their other end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from sshore.actors.messages import Exited, RunExec
from sshore.backend.output_flow import Pace
from sshore.backend.session import ProgramSession
from sshore.config.models import ExecutionConfig
from sshore.engine.interface import ProgramReceiver
from sshore.engine.pipes.directories import MOUNT_POINT, GatewayDirectory
from sshore.metrics.counters import Metrics

from .client import SECONDS, Client, eventually
from .logbook import Logbook
from .memory import Memory
from .paper_stream import PaperStream
from .stage import Witness


class PipedSession:
    """Without an engine: the test says when the program has ended."""

    _receiver: ProgramReceiver
    _program: subprocess.Popen[bytes]

    def __init__(self, folder: Path, metrics: Metrics, book: Logbook, linger_time: str = "0") -> None:
        loop = asyncio.get_running_loop()
        execution = ExecutionConfig.model_validate({"lingerTime": linger_time})
        self.client = Client()
        self.session = ProgramSession(loop, self, metrics, book.log, execution, Pace(loop))
        self._actor = Witness.start(Memory())
        self.session.bind(self._actor)
        self._directory = GatewayDirectory(folder, "machine", "me").for_container("one")

    def open_exec(self, exec_id: str, receiver: ProgramReceiver, **_: object) -> Coroutine[Any, Any, PaperStream]:
        self._receiver = receiver
        return self._open()

    def open_attach(self, container_id: str, receiver: ProgramReceiver, **_: object) -> Coroutine[Any, Any, Any]:
        raise NotImplementedError

    async def _open(self) -> PaperStream:
        return PaperStream()

    async def run(self, script: str) -> None:
        """Have the program run this, on its pipes."""
        fifos = self._directory.make_set()
        path = f"{self._directory.path}{fifos.path.removeprefix(MOUNT_POINT)}"
        self.session.start(RunExec("a command"), self.client)
        self.session.open_exec("an exec", tty=False, timeout=SECONDS, fifos=fifos)
        await eventually(lambda: self.session._stream is not None, "its stream")
        moved = f"exec <{path}.in >{path}.out 2>{path}.err; echo >&3; exec 3>&-; {script}"
        reading, writing = os.pipe()
        self._program = _start(f"exec 3>&{writing} {writing}>&-; {moved}", writing)
        os.close(writing)
        os.read(reading, 1)
        os.close(reading)
        self._receiver.output_received(b"7 piped\n", stderr=False)

    async def end(self) -> None:
        """Wait for the program's own end, and tell of it as engine and actor do."""
        status = await asyncio.to_thread(self._program.wait, SECONDS)
        self._receiver.ended(None)
        self.session.exited(Exited(status))

    def close(self) -> None:
        self.session.close()
        self._actor.stop()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._program.pid, signal.SIGKILL)
        self._program.wait()


def _start(script: str, descriptor: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(["bash", "-c", script], pass_fds=[descriptor], start_new_session=True)
