"""Every state of a session and every message it may get in it, in one table."""

from __future__ import annotations

from enum import Enum, auto

from ..engine.types import ContainerDied, ContainerGone, EventsLost, ProgramEnded
from .messages import (
    ChannelClosed,
    ContainerLost,
    ContainerReady,
    ExitOverdue,
    FirstOutput,
    GuardDue,
    HangupOver,
    ImageFailed,
    ImageReady,
    OutputEnded,
    OutputStalled,
    PullNews,
    RequestPty,
    ResizeDue,
    ResizeWindow,
    RunExec,
    RunShell,
    RunSubsystem,
    SendSignal,
    SetEnv,
    StartFailed,
    StreamFailed,
    StreamOpened,
)
from .primed import ShellLost
from .refusals import Refused
from .stop_messages import StopSuspected
from .turn_messages import StartOverdue, StartTurn


class State(Enum):
    """Where a session stands."""

    NEW = auto()
    """No program was asked for yet."""
    PREPARING = auto()
    """Its container and its exec are being made."""
    OPENING = auto()
    """The loop opens the program's stream."""
    RUNNING = auto()
    """The program runs."""
    SILENT = auto()
    """All output was delivered, the exit status is still to come."""
    OVER = auto()
    """The end was reported; the channel is still to close."""
    LEAVING = auto()
    """The channel is closed, its program has got HUP and a second."""
    CLOSED = auto()
    """The channel is closed."""


class OutOfOrderError(Exception):
    """The message is not possible in the state."""

    def __init__(self, state: State, message: object) -> None:
        super().__init__(f"{type(message).__name__} while {state.name}")


_STAY_WHILE_RUNNING = (
    *(ResizeWindow, SendSignal, FirstOutput, OutputStalled, GuardDue, ExitOverdue, EventsLost, ContainerLost),
    *(StartOverdue, ShellLost, StopSuspected),
)
_RUN = (RunShell, RunExec, RunSubsystem)

_TABLE: dict[State, dict[type, State]] = {
    State.NEW: {
        **dict.fromkeys((SetEnv, RequestPty, ResizeWindow, ContainerLost), State.NEW),
        **dict.fromkeys(_RUN, State.PREPARING),
    },
    State.PREPARING: {
        **dict.fromkeys((ResizeWindow, SendSignal, PullNews, ImageReady), State.PREPARING),
        **dict.fromkeys((StartTurn, StartOverdue, EventsLost), State.PREPARING),
        **dict.fromkeys((ImageFailed, Refused, ContainerLost), State.OVER),
        ContainerReady: State.OPENING,
    },
    State.OPENING: {
        **dict.fromkeys(_STAY_WHILE_RUNNING, State.OPENING),
        **dict.fromkeys((StartFailed, StreamFailed, Refused, ProgramEnded, ContainerDied, ContainerGone), State.OVER),
        StreamOpened: State.RUNNING,
        OutputEnded: State.SILENT,
    },
    State.RUNNING: {
        **dict.fromkeys((*_STAY_WHILE_RUNNING, ResizeDue), State.RUNNING),
        # StartFailed of session mode, where the container runs before its launcher has said a word.
        **dict.fromkeys((StartFailed, StreamFailed, ProgramEnded, ContainerDied, ContainerGone), State.OVER),
        OutputEnded: State.SILENT,
    },
    State.SILENT: {
        **dict.fromkeys((*_STAY_WHILE_RUNNING, ResizeDue), State.SILENT),
        **dict.fromkeys((ProgramEnded, ContainerDied, ContainerGone), State.OVER),
    },
    State.OVER: dict.fromkeys(
        (
            *(*_STAY_WHILE_RUNNING, ResizeDue),
            *(StreamOpened, StartFailed, StreamFailed, OutputEnded),
            *(ProgramEnded, ContainerDied, ContainerGone, ContainerReady, Refused),
            *(PullNews, ImageReady, ImageFailed, StartTurn),
        ),
        State.OVER,
    ),
    State.LEAVING: {
        **dict.fromkeys((*_STAY_WHILE_RUNNING, ResizeDue, ChannelClosed), State.LEAVING),
        **dict.fromkeys((StreamOpened, StartFailed, StreamFailed, OutputEnded, Refused), State.LEAVING),
        # Dead, the engine is about to remove it: what came between would only be told to wait.
        ContainerDied: State.LEAVING,
        **dict.fromkeys((HangupOver, ProgramEnded, ContainerGone, ContainerLost), State.CLOSED),
    },
    State.CLOSED: {},
}


def next_state(state: State, message: object) -> State:
    """Return the state behind a message. A closed channel is possible in every state. Raises OutOfOrderError."""
    following = _TABLE[state].get(type(message), State.CLOSED if isinstance(message, ChannelClosed) else None)
    if following is None:
        raise OutOfOrderError(state, message)
    return following
