"""A session's states and messages, every pair of them."""

from __future__ import annotations

import dataclasses
import inspect
from typing import get_args

import pytest
from sshore.actors import messages, stop_messages, turn_messages
from sshore.actors.refusals import Refused, refuse
from sshore.actors.session import SessionActor
from sshore.actors.transitions import OutOfOrderError, State, next_state
from sshore.engine import types
from sshore.engine.turns import Turns
from sshore.metrics.codes import Code
from sshore.metrics.counters import Metrics
from support.stage import SessionDesk, Stage

# What a message leads to, state by state; a dash is out of order.
TABLE = """
                 NEW        PREPARING  OPENING  RUNNING  SILENT  OVER    LEAVING  CLOSED
SetEnv           NEW        -          -        -        -       -       -        -
RequestPty       NEW        -          -        -        -       -       -        -
RunShell         PREPARING  -          -        -        -       -       -        -
RunExec          PREPARING  -          -        -        -       -       -        -
RunSubsystem     PREPARING  -          -        -        -       -       -        -
ResizeWindow     NEW        PREPARING  OPENING  RUNNING  SILENT  OVER    LEAVING  -
ResizeDue        -          -          -        RUNNING  SILENT  OVER    LEAVING  -
SendSignal       -          PREPARING  OPENING  RUNNING  SILENT  OVER    LEAVING  -
PullNews         -          PREPARING  -        -        -       OVER    -        -
ImageReady       -          PREPARING  -        -        -       OVER    -        -
ImageFailed      -          OVER       -        -        -       OVER    -        -
Refused          -          OVER       OVER     -        -       OVER    LEAVING  -
StartTurn        -          PREPARING  -        -        -       OVER    -        -
StartOverdue     -          PREPARING  OPENING  RUNNING  SILENT  OVER    LEAVING  -
ContainerReady   -          OPENING    -        -        -       OVER    -        -
ContainerLost    NEW        OVER       OPENING  RUNNING  SILENT  OVER    CLOSED   -
StreamOpened     -          -          RUNNING  -        -       OVER    LEAVING  -
StreamFailed     -          -          OVER     OVER     -       OVER    LEAVING  -
StartFailed      -          -          OVER     OVER     -       OVER    LEAVING  -
FirstOutput      -          -          OPENING  RUNNING  SILENT  OVER    LEAVING  -
OutputStalled    -          -          OPENING  RUNNING  SILENT  OVER    LEAVING  -
GuardDue         -          -          OPENING  RUNNING  SILENT  OVER    LEAVING  -
StopSuspected    -          -          OPENING  RUNNING  SILENT  OVER    LEAVING  -
OutputEnded      -          -          SILENT   SILENT   -       OVER    LEAVING  -
ExitOverdue      -          -          OPENING  RUNNING  SILENT  OVER    LEAVING  -
ProgramEnded     -          -          OVER     OVER     OVER    OVER    CLOSED   -
ContainerDied    -          -          OVER     OVER     OVER    OVER    LEAVING  -
ContainerGone    -          -          OVER     OVER     OVER    OVER    CLOSED   -
EventsLost       -          PREPARING  OPENING  RUNNING  SILENT  OVER    LEAVING  -
HangupOver       -          -          -        -        -       -       CLOSED   -
ChannelClosed    CLOSED     CLOSED     CLOSED   CLOSED   CLOSED  CLOSED  LEAVING  CLOSED
"""

# Messages of the vocabulary that no session ever gets.
OTHERS = """
ChildStarted ChildEnded ChildFailed Authenticated Disconnected ContainerWanted ControlLine ImageWanted
RemovalTurn
CauseWanted CauseOverdue CauseKnown SiblingStarts
PullEnded NewsDue ImageActorDone
Drain Ping RestartRemovals RemoveLater Exited
"""

VALUES = {
    "str": "x",
    "int": 1,
    "bool": False,
    "float": 0.0,
    "int | None": 7,
    "tuple[str, ...]": ("15:1", "15:2"),
    "ContainerPipes | None": None,
    "tuple[tuple[int, int], ...]": ((53, 0),),
    "PrimedShell | None": None,
    "Exception": ValueError("broken"),
    "Code": Code.PROGRAM_START_FAILED,
    "Turn": Turns(Metrics(), 1).for_start("alice", lambda: None),
    "Refused": refuse(Code.CONTAINER_LOST, "it is lost"),
}
VALID = {"SendSignal": {"name": "USR1"}, "RunSubsystem": {"name": "sftp"}}


def cells() -> list[tuple[State, str, State | None]]:
    head, *rows = [line.split() for line in TABLE.strip().splitlines()]
    return [
        (State[state], row[0], None if cell == "-" else State[cell])
        for row in rows
        for state, cell in zip(head, row[1:], strict=True)
    ]


def some(name: str) -> object:
    """Return a message of the class `name`."""
    if name == "Refused":
        return VALUES["Refused"]
    kind = next(
        getattr(words, name) for words in (messages, stop_messages, turn_messages, types) if hasattr(words, name)
    )
    fields = {field.name: VALUES[str(field.type)] for field in dataclasses.fields(kind)}
    return kind(**{**fields, **VALID.get(name, {})})


def test_the_table_here_knows_every_message_and_every_state() -> None:
    own = {
        name
        for words in (messages, stop_messages, turn_messages)
        for name, kind in inspect.getmembers(words, inspect.isclass)
        if kind.__module__ == words.__name__
    }
    vocabulary = own | {kind.__name__ for kind in get_args(types.EngineEvent)} | {"Refused"}
    vocabulary -= {"ContainerKilled", "MemoryExhausted"}  # causes, not ends: never a step of a session
    assert {name for _, name, _ in cells()} == vocabulary - set(OTHERS.split())
    assert {state for state, _, _ in cells()} == set(State)


@pytest.mark.parametrize(("state", "name", "following"), cells(), ids=lambda value: getattr(value, "name", value))
def test_a_message_leads_where_the_table_says(state: State, name: str, following: State | None) -> None:
    if following is None:
        with pytest.raises(OutOfOrderError, match=f"^{name} while {state.name}$"):
            next_state(state, some(name))
    else:
        assert next_state(state, some(name)) is following


@pytest.mark.parametrize("name", OTHERS.split())
@pytest.mark.parametrize("state", State)
def test_a_message_for_somebody_else_is_out_of_order(state: State, name: str) -> None:
    kind = getattr(messages, name, None) or getattr(turn_messages, name)
    with pytest.raises(OutOfOrderError):
        next_state(state, object.__new__(kind))


class Silent(SessionActor):
    """A session of neither mode: it starts nothing."""

    asked = 0

    def prepare(self, program: object, request: object) -> None:
        """Nothing is started."""

    def signal(self, name: str) -> None:
        """Nobody is there."""

    def resize(self, columns: int, rows: int) -> None:
        """Nobody is there."""

    def ask_exit_status(self, timeout: float) -> int | None:
        return None

    def hang_up(self) -> bool:
        return False

    def opened(self, stream: messages.StreamOpened) -> None:
        """Nothing is left to do."""

    def mode_news(self, message: object) -> None:
        """Nothing is news here."""


@pytest.mark.parametrize(("state", "name", "following"), cells(), ids=lambda value: getattr(value, "name", value))
def test_a_session_survives_every_message_in_every_state(
    stage: Stage, state: State, name: str, following: State | None
) -> None:
    port = SessionDesk()
    session = Silent(None, stage.surroundings(), port)
    session.state = state
    session.on_receive(some(name))
    assert session.state is (following or state)
    out_of_order = stage.book.of("request_out_of_order")
    assert [line["cause"] for line in out_of_order] == ([] if following else [f"{name} while {state.name}"])
    assert stage.book.of("actor_failed") == []
    if state in (State.OVER, State.CLOSED):
        assert [end for end in port.ends if not isinstance(end, Refused)] == []
