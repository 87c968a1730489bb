"""Who makes room when there are too many clients that are not logged in: by stage, then by address, then by age."""

from __future__ import annotations

from collections import Counter
from itertools import count

import pytest
from sshore.config.models import LimitsConfig
from sshore.metrics.codes import Code
from sshore.ssh.admission import Admission, Stage
from sshore.ssh.bans import Bans

PLACES = 100


class Client:
    """Somebody at the door; `gone` once it was sent away."""

    def __init__(self, admission: Admission, source: str, stage: Stage = Stage.SILENT) -> None:
        self.source = source
        self.gone = False
        self._admission = admission
        assert admission.enter(self) is None
        self.goes_on(stage)

    def goes_on(self, stage: Stage) -> None:
        self._admission.reached(self, stage)

    def dismiss(self, code: Code, cause: str) -> None:
        assert code is Code.TOO_MANY_STARTUPS
        self.gone = True

    def tell(self, sentence: str) -> None: ...

    def disconnect(self, sentence: str) -> None: ...

    @property
    def unused_since(self) -> None:
        return None


@pytest.fixture
def admission() -> Admission:
    return Admission(LimitsConfig(max_startups=PLACES), Bans(0, 60.0, lambda: 0.0))


def fill(admission: Admission, stage: Stage, source: str = "attacker", number: int = PLACES) -> list[Client]:
    return [Client(admission, source, stage) for _ in range(number)]


def left(clients: list[Client]) -> int:
    return sum(not client.gone for client in clients)


@pytest.mark.parametrize("stage", Stage)
def test_no_stage_holds_all_places_against_newcomers_from_the_same_address(admission: Admission, stage: Stage) -> None:
    fill(admission, stage)
    honest = Client(admission, "attacker")
    for reached in (Stage.WAITING, Stage.EXCHANGE, Stage.NAMED):
        # So many sockets come between each step of a login.
        fill(admission, Stage.SILENT, number=PLACES // 5)
        assert not honest.gone
        honest.goes_on(reached)
    assert admission.count == PLACES


def test_who_types_a_password_stays_while_sockets_come_and_go(admission: Admission) -> None:
    typing = Client(admission, "attacker", Stage.NAMED)
    fill(admission, Stage.SILENT, number=50 * PLACES)
    assert not typing.gone


def test_of_clients_that_named_a_user_the_oldest_goes(admission: Admission) -> None:
    sitting = fill(admission, Stage.NAMED)
    newer = fill(admission, Stage.NAMED, number=10)
    assert [client.gone for client in sitting[:10]] == [True] * 10
    assert left(sitting) == PLACES - 10
    assert left(newer) == 10


@pytest.mark.parametrize("stage", Stage)
def test_an_address_makes_nobody_elses_clients_leave(admission: Admission, stage: Stage) -> None:
    others = [Client(admission, f"192.0.2.{number}", stage) for number in range(20)]
    # Two of one address are its own, as behind a gateway.
    others += [Client(admission, f"192.0.2.{number}", stage) for number in range(20)]
    fill(admission, stage, number=10 * PLACES)
    fill(admission, Stage.SILENT, number=10 * PLACES)
    assert left(others) == len(others)


def test_of_many_addresses_with_one_client_each_the_oldest_goes(admission: Admission) -> None:
    botnet = [Client(admission, f"bot {number}", Stage.NAMED) for number in range(PLACES)]
    honest = Client(admission, "honest")
    assert botnet[0].gone
    assert left(botnet) == PLACES - 1
    assert not honest.gone


def test_only_room_for_one_is_the_newcomers(admission: Admission) -> None:
    admission.configure(LimitsConfig(max_startups=1))
    first = Client(admission, "one", Stage.NAMED)
    second = Client(admission, "other")
    assert (first.gone, second.gone) == (True, False)


def test_counts_stay_right_whatever_happens(admission: Admission) -> None:
    admission.configure(LimitsConfig(max_startups=7, max_connections=12))
    there: list[Client] = []
    for number in range(2000):
        # Any order will do that meets every stage and several sources.
        client = Client(admission, f"source {number * 7 % 5}", Stage(1 + number * 11 % 4))
        there.append(client)
        if number % 3 == 0 and not there[-2 if number else -1].gone:
            admission.logged_in(there[-2 if number else -1])
        logged_in = [one for one in there if one in admission._logged_in]
        if len(logged_in) > 4:
            admission.leave(logged_in[0])
        there = [one for one in there if one in admission.guests()]
        assert admission.count == len(there) <= 12
        assert admission._by_source == Counter(one.source for one in there)
    for client in there:
        admission.leave(client)
    assert (admission.count, admission._by_source) == (0, {})


def test_room_is_made_in_the_same_time_however_many_there_are(admission: Admission) -> None:
    """It is looked at what is asked of each client, and not at a clock."""
    looks = count()

    class Looked(Client):
        def __hash__(self) -> int:
            next(looks)
            return id(self)

    def looks_for(places: int) -> int:
        admission.configure(LimitsConfig(max_startups=places, max_connections=0))
        for _ in range(places):
            Looked(admission, "attacker", Stage.NAMED)
        before = next(looks)
        for _ in range(100):
            Looked(admission, "attacker")
        return next(looks) - before

    assert looks_for(20 * PLACES) < 2 * looks_for(PLACES)
