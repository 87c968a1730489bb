"""Which exec ended, where podman does not say it."""

from __future__ import annotations

import pytest
from sshore.engine.errors import Conflict, EngineError, NotFound, ServerFault, Unavailable
from sshore.engine.hijack import refusal
from sshore.engine.podman import UnnamedEnds, is_podman, never_started
from sshore.engine.types import EventsLost, ExecState, ProgramEnded

SAID = ProgramEnded(137)


class Execs(dict[str, ExecState | EngineError]):
    """What the engine knows of its execs."""

    def inspect(self, exec_id: str) -> ExecState:
        state = self[exec_id]
        if isinstance(state, EngineError):
            raise state
        return state


@pytest.fixture
def execs() -> Execs:
    return Execs(a=ExecState(running=True, exit_code=None), b=ExecState(running=True, exit_code=None))


@pytest.fixture
def ends(execs: Execs) -> UnnamedEnds:
    ends = UnnamedEnds(execs.inspect)
    for exec_id in execs:
        ends.created("container", exec_id)
    return ends


def test_the_one_that_has_a_status_has_ended_and_is_told_once(execs: Execs, ends: UnnamedEnds) -> None:
    execs["a"] = ExecState(running=False, exit_code=3)
    assert list(ends.find("container", SAID)) == [("a", ProgramEnded(3))]
    execs["b"] = ExecState(running=False, exit_code=0)
    assert list(ends.find("container", SAID)) == [("b", ProgramEnded(0))]
    assert list(ends.find("container", SAID)) == []


def test_where_none_has_ended_all_have_to_ask(ends: UnnamedEnds) -> None:
    assert sorted(ends.find("container", SAID)) == [("a", EventsLost()), ("b", EventsLost())]


def test_one_that_the_engine_forgot_ended_as_the_event_says(execs: Execs, ends: UnnamedEnds) -> None:
    execs["b"] = NotFound("exec_inspect", "gone")
    assert list(ends.find("container", SAID)) == [("b", SAID)]


def test_an_engine_that_does_not_answer_leaves_it_open(execs: Execs, ends: UnnamedEnds) -> None:
    execs["a"] = Unavailable("exec_inspect", "away")
    assert ("a", EventsLost()) in list(ends.find("container", SAID))


def test_what_ran_in_a_container_that_was_removed_was_killed(ends: UnnamedEnds) -> None:
    assert sorted(id for id, event in ends.gone("container") if event == ProgramEnded(137)) == ["a", "b"]
    assert list(ends.gone("container")) == []


def test_another_container_is_nobodys(ends: UnnamedEnds) -> None:
    assert list(ends.find("other", SAID)) == []


@pytest.mark.parametrize(
    ("cause", "error"),
    [
        ("container state improper", Conflict),
        ("that name is already in use", Conflict),
        ("no such container", NotFound),
        ("something else", ServerFault),
    ],
)
def test_the_cause_says_what_a_500_means(cause: str, error: type[EngineError]) -> None:
    body = f'{{"cause":"{cause}","message":"in words: {cause}","response":500}}'.encode()
    refused = refusal(500, "exec_create", body)
    assert (type(refused), refused.detail) == (error, f"in words: {cause}")


def test_it_is_known_by_its_version_and_an_exec_not_started_by_what_may_not_be_removed() -> None:
    assert is_podman({"Components": [{"Name": "Podman Engine"}]})
    assert not is_podman({"Components": [{"Name": "Engine"}]})
    assert never_started({"Running": False, "CanRemove": False, "ExitCode": 0})
    assert not never_started({"Running": False, "CanRemove": True, "ExitCode": 0})
