"""Twenty connects at once while ten others leave: nobody fails, nobody is starved, nothing is left."""

from __future__ import annotations

import pytest
from support.clients import clients
from support.gateway import Gateway, StartGateway

pytestmark = pytest.mark.engine

CROWD = 20
LEAVING = 10
SECONDS = 60.0
OTHER = "newcomer"


@pytest.fixture
def gateway(start_gateway: StartGateway, mode: str, engine_host: str) -> Gateway:
    """One that starts two containers at once, on whatever machine."""
    made = start_gateway(mode, host={"host": engine_host, "startsAtOnce": 2})
    made.authorize(OTHER)
    return made


def test_many_connect_at_once_while_others_leave(gateway: Gateway) -> None:
    with clients(gateway, LEAVING, "echo ready; cat") as leaving:
        for client in leaving:
            client.expect("ready", SECONDS)
        with clients(gateway, CROWD, "echo hi; cat") as crowd:
            for client in leaving:
                client.kill()
            crowd[0].expect("hi", SECONDS)
            with clients(gateway, 1, "echo hi", options=["-l", OTHER], stdin=False) as [newcomer]:
                assert newcomer.wait(SECONDS) == 0
                assert newcomer.output == b"hi\n"
            assert gateway.metric("sshore_turns_waiting", work="start") > 0, "he waited for the whole crowd"
            for client in crowd:
                client.expect("hi", SECONDS)
                client.log_out()
                assert client.wait(SECONDS) == 0
    gateway.await_no_container()
    for work in ("start", "removal"):
        assert gateway.metric("sshore_turns_waiting", work=work) == 0
