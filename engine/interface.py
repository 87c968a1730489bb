"""What sshore asks of a Docker Engine. `docker_engine.py` is the real one, `fake.py` the one for tests.

Two faces: `Engine` blocks and may be called from any thread, many at once; `StreamOpener` belongs to the
asyncio loop and carries the bytes of programs. Every `timeout` is in seconds and covers the whole call.
All raise `EngineError`s and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Protocol

from .types import (
    ContainerSpec,
    ContainerState,
    ContainerSummary,
    EngineEvent,
    EngineInfo,
    ExecSpec,
    ExecState,
    ImageInfo,
    PullProgress,
    RegistryAuth,
)


class ControlInput(Protocol):
    """The held-open stdin of a control shell (see `control_shell.py`). Blocking; used by the one actor that owns it."""

    def await_ready(self, *, timeout: float) -> None:
        """Wait until the shell of a `start_control` obeys. NotFound: it never will; Unavailable, TimedOut."""

    def send_line(self, line: str, *, timeout: float) -> None:
        """Write one line of shell, without its newline. Raises Unavailable or TimedOut."""

    def close(self) -> None:
        """Let go: the shell sees the end of its stdin. Idempotent, never raises."""


class ProgramReceiver(Protocol):
    """Who gets what a program says. Called in the loop, never after `ended`."""

    def output_received(self, data: bytes | memoryview, *, stderr: bool) -> None:
        """Some output. `data` is only valid during the call: a receiver that keeps it copies it."""

    def ended(self, failure: Exception | None) -> None:
        """All output was delivered and the stream is closed; `failure` says when it broke instead of ending."""

    def pause_input(self) -> None:
        """The program reads slower than `write` is called: stop writing until `resume_input`."""

    def resume_input(self) -> None:
        """Writing may go on."""


class ProgramStream(Protocol):
    """A program's stdin, stdout and stderr. All methods are called in the loop, none blocks."""

    def write(self, data: bytes | memoryview) -> None:
        """Pass bytes to stdin, in order; what cannot be sent yet is kept. Nothing happens after the stream ended."""

    def write_eof(self) -> None:
        """Half-close: stdin ends behind what was written, output goes on. Idempotent."""

    def pause_output(self) -> None:
        """Stop reading from the program; it blocks when its pipes are full. Idempotent."""

    def resume_output(self) -> None:
        """Read on. Idempotent."""

    def close(self) -> None:
        """Drop the stream at once; `ended` is not called any more. Idempotent."""


class StreamOpener(Protocol):
    """Opens program streams in the loop. No output byte is lost, however early it comes."""

    async def open_exec(self, exec_id: str, receiver: ProgramReceiver, *, tty: bool, timeout: float) -> ProgramStream:
        """Start an exec (`POST /exec/{id}/start`) and return once the engine has switched to its stream."""

    async def open_attach(
        self, container_id: str, receiver: ProgramReceiver, *, tty: bool, timeout: float
    ) -> ProgramStream:
        """Attach to stdin, stdout and stderr of a container, started or not (`POST /containers/{id}/attach`)."""


class EventSubscription(Protocol):
    """An open event stream."""

    def __iter__(self) -> Iterator[tuple[str, EngineEvent]]:
        """Yield (exec id or container id, event); ends or raises EngineError when the stream does. Blocks."""

    def close(self) -> None:
        """End the iteration from another thread. Idempotent."""


class Engine(Protocol):
    """The control calls. Any thread; each call carries its own deadline."""

    @property
    def streams(self) -> StreamOpener: ...

    @property
    def kept_connections(self) -> int:
        """How many connections to the engine wait for the next call. Never blocks."""

    @property
    def sizes_terminals(self) -> bool:
        """Whether a spec's `size` is set before the program's first instruction. Never blocks; False until known."""

    @property
    def separates_containers(self) -> bool:
        """Whether a network's options can keep its containers apart. Never blocks; True until known."""

    def ping(self, *, timeout: float) -> EngineInfo: ...

    def create_container(self, spec: ContainerSpec, *, timeout: float) -> str:
        """Return the new container's id. NotFound: no such image. Conflict: the name is taken."""

    def start_container(self, container: str, *, timeout: float) -> None: ...

    def inspect_container(self, container: str, *, timeout: float) -> ContainerState: ...

    def remove_container(self, container: str, *, timeout: float) -> None:
        """Kill and remove, anonymous volumes too. NotFound: already gone. Conflict: a removal is under way."""

    def rename_container(self, container: str, name: str, *, timeout: float) -> None:
        """Conflict: the name is taken. Labels stay what they were."""

    def kill_container(self, container: str, signal: str, *, timeout: float) -> None:
        """Send `signal` (`TERM`, without SIG) to the main process. Conflict: it does not run."""

    def resize_container(self, container: str, columns: int, rows: int, *, timeout: float) -> None: ...

    def list_containers(self, labels: Mapping[str, str], *, timeout: float) -> list[ContainerSummary]:
        """All containers, stopped ones too, that carry every label; an empty value means any value."""

    def create_exec(self, container: str, spec: ExecSpec, *, timeout: float) -> str: ...

    def inspect_exec(self, exec_id: str, *, timeout: float) -> ExecState: ...

    def resize_exec(self, exec_id: str, columns: int, rows: int, *, timeout: float) -> None: ...

    def inspect_image(self, image: str, *, timeout: float) -> ImageInfo:
        """NotFound: it is not on this engine."""

    def find_image(self, image: str, platform: str | None, *, timeout: float) -> ImageInfo | None:
        """The same where its absence is no failure: None. An image for another platform than `platform` is absent."""

    def pull_image(
        self,
        image: str,
        platform: str | None,
        auth: RegistryAuth | None,
        *,
        timeout: float,
        stall: float,
        progress: Callable[[PullProgress], None],
    ) -> None:
        """Pull within `timeout` seconds, of which `stall` may pass without a word from the engine.

        A name without tag and digest means `latest`. `auth` None stands for the gateway's own logins. `progress` is
        called in this thread; what it raises ends the pull. Errors inside the stream of a 200 are raised like any
        other; RegistryDenied: other credentials are needed.
        """

    def ensure_network(
        self, name: str, options: Mapping[str, str], labels: Mapping[str, str], *, timeout: float
    ) -> None:
        """Create the bridge network unless one of that name is there."""

    def attach_control(self, container: str, *, timeout: float) -> ControlInput:
        """Hold the stdin of a container's main process (attach with stdin only), before or after its start."""

    def start_control(self, exec_id: str, *, timeout: float) -> ControlInput:
        """Start an exec and hold its stdin; only a control shell's word that it obeys is read of its output."""

    def events(self, labels: Mapping[str, str], *, timeout: float) -> EventSubscription:
        """Subscribe to the ends of execs and containers that carry the labels. `timeout` covers the subscribing."""

    def close(self) -> None:
        """Drop pooled connections. Calls under way may fail with Unavailable."""
