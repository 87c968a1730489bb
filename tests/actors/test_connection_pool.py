"""A connection that asks the pool: what it takes over, what it owes, and what an end in the middle leaves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from sshore.actors.connection import ConnectionActor
from sshore.actors.messages import (
    Authenticated,
    ChildEnded,
    ChildFailed,
    ChildStarted,
    ContainerReady,
    ContainerWanted,
    ControlLine,
    Disconnected,
    RemoveLater,
)
from sshore.actors.pool_client import RenameDue
from sshore.actors.pool_messages import GuestReady, GuestTaken, GuestWanted, NoGuest
from sshore.actors.ref import Ref, post
from sshore.actors.refusals import Refused
from sshore.engine.errors import Conflict, EngineError, ServerFault, TimedOut, Unavailable
from sshore.engine.fake.containers import FakeContainer
from sshore.engine.watcher import EventCallback
from support.memory import SECONDS, Memory
from support.pond import Pond
from support.stage import ConnectionDesk, Stage, Witness


class Link:
    """A connection whose pool and root are played by the test. A real pool made the guest."""

    def __init__(self, stage: Stage, pond: Pond) -> None:
        self.stage = stage
        self.pond = pond
        self.desk = ConnectionDesk()
        self.told_pool = Memory()
        self.pool: Ref = Witness.start(self.told_pool)
        surroundings = replace(pond.surroundings, house=stage.house)
        self.ref: Ref = ConnectionActor.start(surroundings, self.desk, "c0ffee", "192.0.2.1:2222")

    def tell(self, *messages: object) -> None:
        for message in messages:
            assert post(self.ref, message)

    def session(self) -> tuple[Ref, Memory]:
        told = Memory()
        child: Ref = Witness.start(told)
        self.tell(ChildStarted(child), ContainerWanted(child))
        return child, told

    def login(self) -> GuestWanted:
        """Log in; return the question to the root."""
        self.tell(Authenticated("alice"))
        return self.stage.told_root.wait_for(GuestWanted)

    def answer(self) -> GuestReady:
        """Give it the guest that waits."""
        ready = GuestReady(self.pond.take(), self.pool)
        self.tell(ready)
        return ready

    def enter(self) -> tuple[ContainerReady, FakeContainer]:
        """Log in with a session that asks, and take the guest; return what the session was told."""
        _, told = self.session()
        self.login()
        container = self.stage.engine.containers[0]
        self.answer()
        return told.wait_for(ContainerReady), container

    def settle(self) -> None:
        self.ref.proxy().children.get(timeout=SECONDS)


@pytest.fixture
def link(stage: Stage, pond: Pond) -> Link:
    return Link(stage, pond)


def test_it_takes_the_pools_container_without_a_call_to_the_engine(stage: Stage, pond: Pond, link: Link) -> None:
    [pooled] = pond.names
    ready, container = link.enter()
    assert link.told_pool.wait_for(GuestTaken) == GuestTaken(link.ref)
    assert ready == ContainerReady(container.id, f"sshore-alice-{pooled[-12:]}", "")
    assert {ready.name, pooled} <= stage.ledger.names
    line = stage.book.wait_for("container_taken")
    assert (line["container"], line["pooled"]) == (ready.name, pooled)
    # Nothing is asked of the engine but the pool's next one.
    assert stage.engine.faults.calls("container_rename") == stage.engine.faults.calls("container_inspect") == 0
    assert container.name == pooled


def test_it_gives_it_its_users_name_a_little_later(stage: Stage, pond: Pond, link: Link) -> None:
    [pooled] = pond.names
    ready, container = link.enter()
    assert stage.timers.ring(RenameDue).seconds < 1
    link.settle()
    assert container.name == ready.name
    assert ready.name in stage.ledger.names
    assert pooled not in stage.ledger.names


@pytest.mark.parametrize("error", [Conflict, ServerFault, TimedOut, Unavailable])
@pytest.mark.parametrize("removal_fails", [False, True])
def test_a_name_that_the_engine_does_not_take_leaves_nothing_either(
    stage: Stage, pond: Pond, link: Link, error: type[EngineError], removal_fails: bool
) -> None:
    [pooled] = pond.names
    stage.engine.faults.fail("container_rename", error, carried_out=error is TimedOut)
    ready, container = link.enter()
    stage.timers.ring(RenameDue)
    line = stage.book.wait_for("container_not_renamed")
    assert (line["container"], line["code"]) == (ready.name, error.code)
    assert {ready.name, pooled} <= stage.ledger.names
    if removal_fails:
        stage.engine.faults.fail("container_remove", Unavailable)
    [session] = link.ref.proxy().children.get(timeout=SECONDS)
    link.tell(Disconnected(), ChildEnded(session))
    link.desk.wait_ended()
    if removal_fails:
        late = [stage.told_root.wait_for(RemoveLater, number) for number in (1, 2)]
        assert late == [RemoveLater(name, may_come=False, id=container.id) for name in (ready.name, pooled)]
    else:
        assert container.gone.is_set()
        assert not {ready.name, pooled} & stage.ledger.names


def test_it_is_its_own_in_every_way(stage: Stage, link: Link) -> None:
    _, container = link.enter()
    heard = Memory()
    container.main.feed = heard.add
    link.tell(ControlLine("hangup 7"))
    assert heard.wait_for(bytes) == b"hangup 7\n"
    stage.engine.remove_container(container.id, timeout=SECONDS)
    assert link.desk.failures.wait_for(Refused).code == "CONTAINER_LOST"


def test_a_disconnect_takes_it_along(stage: Stage, pond: Pond, link: Link) -> None:
    [pooled] = pond.names
    ready, container = link.enter()
    [session] = link.ref.proxy().children.get(timeout=SECONDS)
    link.tell(Disconnected(), ChildEnded(session))
    link.desk.wait_ended()
    assert container.gone.is_set()
    assert not {ready.name, pooled} & stage.ledger.names


def test_without_a_guest_it_starts_its_own(stage: Stage, link: Link) -> None:
    _, told = link.session()
    link.login()
    link.tell(NoGuest())
    assert told.wait_for(ContainerReady).name.startswith("sshore-alice-")
    assert stage.book.of("container_taken") == []


def test_of_two_answers_the_first_counts(stage: Stage, link: Link) -> None:
    ready, _ = link.enter()
    link.tell(NoGuest())
    link.settle()
    assert stage.engine.faults.calls("image_inspect") <= 2
    assert [line["container"] for line in stage.book.of("container_taken")] == [ready.name]
    assert stage.book.of("container_started") == []


def test_where_no_root_lives_it_starts_its_own(stage: Stage, link: Link) -> None:
    stage.root.stop()
    _, told = link.session()
    link.tell(Authenticated("alice"))
    assert told.wait_for(ContainerReady).name.startswith("sshore-alice-")


# An end in the middle.


def test_a_disconnect_before_the_answer_takes_nothing(stage: Stage, pond: Pond, link: Link) -> None:
    session, _ = link.session()
    link.login()
    link.tell(Disconnected())
    ready = link.answer()
    link.tell(ChildEnded(session))
    link.desk.wait_ended()
    assert link.told_pool.all == []
    assert not stage.engine.containers[0].gone.is_set()
    assert ready.guest.container.name.startswith("sshore.pool-")


def test_an_answer_behind_the_end_is_nobodys(link: Link) -> None:
    link.login()
    link.tell(Disconnected())
    link.desk.wait_ended()
    post(link.ref, link.pond.ask()[1])
    assert link.told_pool.all == []


@pytest.mark.parametrize("error", [RuntimeError, SystemExit])
def test_a_crash_over_the_answer_leaves_nothing(
    stage: Stage, pond: Pond, link: Link, monkeypatch: pytest.MonkeyPatch, error: type[BaseException]
) -> None:
    """From GuestTaken on it is the connection's, which removes what it has when it crashes."""
    [pooled] = pond.names
    link.login()
    guest = pond.take()
    monkeypatch.setattr(guest.container, "hand_over", _raising(error))
    link.tell(GuestReady(guest, link.pool))
    assert isinstance(stage.told_root.wait_for(ChildFailed).error, error)
    link.told_pool.wait_for(GuestTaken)
    assert pooled not in stage.ledger.names
    assert not [name for name in stage.ledger.names if name.startswith("sshore-alice-")]
    assert pooled not in [container.name for container in stage.engine.containers]


def test_a_crash_before_it_is_taken_leaves_it_to_the_pool(
    stage: Stage, link: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    link.login()
    monkeypatch.setattr(stage.watcher, "watch", _raising(RuntimeError))
    ready = link.answer()
    stage.told_root.wait_for(ChildFailed)
    assert link.told_pool.all == []
    assert ready.guest.container.name in stage.ledger.names
    assert not stage.engine.containers[0].gone.is_set()


def test_whose_it_is_hears_of_its_end_before_the_pool_may_forget_it(
    stage: Stage, link: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch, told = stage.watcher.watch, list[object]()

    def watched(id: str, callback: EventCallback) -> None:
        # What was told the pool by now has arrived there.
        link.pool.proxy().actor_urn.get(timeout=SECONDS)
        told.extend(link.told_pool.all)
        watch(id, callback)

    link.login()
    guest = link.pond.take()
    monkeypatch.setattr(stage.watcher, "watch", watched)
    link.tell(GuestReady(guest, link.pool))
    link.told_pool.wait_for(GuestTaken)
    link.settle()
    assert told == []


def _raising(error: type[BaseException]) -> Callable[..., None]:
    def crash(*_: object) -> None:
        raise error("injected")

    return crash
