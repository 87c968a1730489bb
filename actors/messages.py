"""Everything that actors tell each other and the loop tells them: frozen values, never a program's bytes."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass

from ..engine.image_names import tagged
from ..engine.interface import Engine
from ..engine.pipes.sharing import ContainerPipes
from ..engine.types import RegistryAuth
from ..metrics.codes import Code
from .primed import PrimedShell
from .ref import Ref
from .refusals import Refused


# Supervision: child to parent.
@dataclass(frozen=True, slots=True)
class ChildStarted:
    """A child's first word; its parent owns it from here on."""

    child: Ref


@dataclass(frozen=True, slots=True)
class ChildEnded:
    """A child has let go of everything it owned and stops."""

    child: Ref


@dataclass(frozen=True, slots=True)
class ChildFailed:
    """A child crashed; what it owned was let go, as far as that was possible."""

    child: Ref
    error: BaseException


# To a connection.
@dataclass(frozen=True, slots=True)
class Authenticated:
    """The handshake succeeded for this user."""

    username: str


@dataclass(frozen=True, slots=True)
class Disconnected:
    """The client is gone, or has to go: end the sessions, remove the container."""


@dataclass(frozen=True, slots=True)
class ContainerWanted:
    """A session asks for the connection's container; the answer is ContainerReady or Refused.

    A shell that waits would do, with a terminal or without; None: it would not.
    """

    session: Ref
    terminal: bool | None = None


@dataclass(frozen=True, slots=True)
class ControlLine:
    """A line for the container's control shell. To a `session` that is given it comes back once it does not wait."""

    line: str
    session: Ref | None = None


@dataclass(frozen=True, slots=True)
class CauseWanted:
    """A session whose program was killed, or did not start, asks whether the container is why: CauseKnown."""

    session: Ref


@dataclass(frozen=True, slots=True)
class CauseOverdue:
    """The container that was killed has not died: answer whoever waits. Before the `final` one nobody has looked."""

    final: bool = False


@dataclass(frozen=True, slots=True)
class HangupOver:
    """The second between HUP and KILL is over: let the container go. To a session of session mode, too."""


# To a session.
@dataclass(frozen=True, slots=True)
class SetEnv:
    """An environment variable for the program (RFC 4254 §6.4)."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class RequestPty:
    """A terminal for the program, in columns × rows (RFC 4254 §6.2); `modes` are pairs of opcode and argument (§8)."""

    term: str
    columns: int
    rows: int
    modes: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class RunShell:
    """Start the login shell (RFC 4254 §6.5)."""


@dataclass(frozen=True, slots=True)
class RunExec:
    """Start a command line (RFC 4254 §6.5)."""

    command: str


@dataclass(frozen=True, slots=True)
class RunSubsystem:
    """Start a subsystem (RFC 4254 §6.5). `arguments` are the server's for its program, never the client's."""

    name: str
    arguments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ResizeWindow:
    """The client's window has this many columns × rows now (RFC 4254 §6.7). The loop numbers the changes."""

    columns: int
    rows: int
    number: int = 0


@dataclass(frozen=True, slots=True)
class ResizeDue:
    """A session to itself: every change of its window that was told by now is known, pass the last one on."""


@dataclass(frozen=True, slots=True)
class SendSignal:
    """A signal for the program, without SIG (RFC 4254 §6.9)."""

    name: str


@dataclass(frozen=True, slots=True)
class ContainerReady:
    """The connection's container runs. `user` is who its programs run as, empty for the image's root.

    `shell` waits in it, and is the session's from now on.
    """

    container_id: str
    name: str
    user: str
    pipes: ContainerPipes | None = None
    shell: PrimedShell | None = None


@dataclass(frozen=True, slots=True)
class ContainerLost:
    """The connection's container ended under the session."""

    refused: Refused


@dataclass(frozen=True, slots=True)
class CauseKnown:
    """The answer to CauseWanted: what befell the container, None if nothing did."""

    refused: Refused | None


@dataclass(frozen=True, slots=True)
class SiblingStarts:
    """Another program is to start in the container: nothing that this one left behind may delay it."""


@dataclass(frozen=True, slots=True)
class StreamOpened:
    """The loop has the program's stream. `pid` is what the launcher said, None where no launcher runs.

    `files` are its stdout and stderr, as far as the launcher could tell; `piped`: the engine does not carry them.
    """

    pid: int | None
    files: tuple[str, ...] = ()
    piped: bool = False


@dataclass(frozen=True, slots=True)
class StreamFailed:
    """The program's stream could not be opened, or broke: output may be lost."""

    error: Exception


@dataclass(frozen=True, slots=True)
class StartFailed:
    """The program never started; `text` is what the engine said instead, for the operator."""

    text: str
    code: Code = Code.PROGRAM_START_FAILED


@dataclass(frozen=True, slots=True)
class FirstOutput:
    """The program's first byte is on its way to the client."""


@dataclass(frozen=True, slots=True)
class GuardDue:
    """The guard may start: it delays nobody's first byte any more."""


@dataclass(frozen=True, slots=True)
class OutputStalled:
    """The client takes no more of the program's output: tell the loop whether the program has ended."""


@dataclass(frozen=True, slots=True)
class OutputEnded:
    """All of the program's output was delivered and its stream is closed."""


@dataclass(frozen=True, slots=True)
class ExitOverdue:
    """The exit status did not come by itself: ask the engine. `asked` counts the questions so far."""

    asked: int = 0


@dataclass(frozen=True, slots=True)
class ChannelClosed:
    """The channel is closed: end the program, let everything go."""


# Images.
@dataclass(frozen=True, slots=True)
class ImageWanted:
    """Fetch `image` through `engine`, within `timeout` seconds, of which `stall` may pass without progress.

    The answer is ImageReady or ImageFailed, with PullNews before it. With `only_if_missing` an image that came
    meanwhile will do. `asked_at` (monotonic seconds) tells who waited for one and the same pull.
    """

    asker: Ref
    engine: Engine
    image: str
    platform: str | None
    auth: RegistryAuth | None
    only_if_missing: bool
    timeout: float
    stall: float
    asked_at: float

    @property
    def key(self) -> Hashable:
        """The same for all who may share a pull: image, platform and credentials are."""
        return tagged(self.image), self.platform, self.auth


@dataclass(frozen=True, slots=True)
class ImageReady:
    """The image is there."""


@dataclass(frozen=True, slots=True)
class ImageFailed:
    """The image could not be had."""

    refused: Refused


@dataclass(frozen=True, slots=True)
class PullNews:
    """How the pull goes that somebody waits for, in words for the user; once a second, and empty when it is over."""

    sentence: str


@dataclass(frozen=True, slots=True)
class PullEnded:
    """The pull is over; this is what everybody who waited is told."""

    outcome: ImageReady | ImageFailed


@dataclass(frozen=True, slots=True)
class NewsDue:
    """Tell whoever waits for the pull how it goes."""


@dataclass(frozen=True, slots=True)
class ImageActorDone:
    """An image actor to the root: its pull is over, whoever comes needs another."""

    image: Ref


# To the root.
@dataclass(frozen=True, slots=True)
class Drain:
    """End every connection, take no new one; the backend's port learns when nothing is left. To the removals, too."""


@dataclass(frozen=True, slots=True)
class Ping:
    """Say that the root lives. `answered` takes any thread, returns at once and never raises."""

    answered: Callable[[], None]


@dataclass(frozen=True, slots=True)
class RestartRemovals:
    """The removal actor crashed a moment ago: start a new one."""


# To the removal actor.
@dataclass(frozen=True, slots=True)
class RemoveLater:
    """A container whose removal failed. From now on it is the removal actor's.

    `may_come`: the answer to its create was lost, it may still appear. `id` is empty then, as for whoever never knew
    it: an engine that was killed comes back with containers that have lost their names, and are found by id only.
    """

    name: str
    may_come: bool
    id: str = ""


@dataclass(frozen=True, slots=True)
class Exited:
    """A program's end: its exit status (128+n for signal n), and a sentence for the user when there is one."""

    status: int
    notice: str = ""
