"""Engines of every kind: the end of stdin reaches the program, and no byte of what it says then is lost."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest
from support.engines import KINDS, EngineAtHand
from support.server import Server, Serving

pytestmark = [pytest.mark.engine, pytest.mark.timeout(600)]

RUNS = int(os.environ.get("SSHORE_HALF_CLOSE_RUNS", "5"))
"""How often each; 200 by hand."""
BULK = 10_000_000


@pytest.fixture(scope="module", params=[*KINDS, "ssh"])
def at(request: pytest.FixtureRequest, engine_at: Callable[[str], EngineAtHand]) -> EngineAtHand:
    """The engine of each kind."""
    return engine_at(request.param)


@pytest.fixture(scope="module")
def gateway(at: EngineAtHand, mode: str, mini_image: str, serving: Serving) -> Iterator[Server]:
    """A server of each mode in front of it."""
    execution = {"mode": mode, "container": {"Image": at.bring(mini_image)}}
    path = ["env", f"PATH={at.path}"] if at.path else []
    with serving(execution, host=at.connection, client=at.client, wrapper=path) as server:
        yield server


def test_the_end_of_stdin_reaches_the_program_every_time(gateway: Server) -> None:
    for _ in range(RUNS):
        done = gateway.ssh("cat", stdin=b"x")
        assert (done.returncode, done.stdout, done.stderr) == (0, b"x", b"")


def test_every_byte_said_after_the_end_of_stdin_arrives(gateway: Server) -> None:
    command = f"cat >/dev/null; yes | head -c {BULK}; echo done >&2; exit 3"
    expected = (b"y\n" * (BULK // 2), b"done\n")
    for _ in range(RUNS):
        done = gateway.ssh(command, stdin=b"x")
        assert (done.returncode, len(done.stdout)) == (3, BULK)
        assert (done.stdout, done.stderr) == expected


def test_a_connection_has_its_programs_one_after_the_other(gateway: Server) -> None:
    with gateway.master() as shared:
        for status in (0, 1, 130, 255):
            done = gateway.ssh(f"echo out; echo err >&2; exit {status}", options=shared)
            assert (done.returncode, done.stdout, done.stderr) == (status, b"out\n", b"err\n")


def test_an_engine_that_keeps_no_containers_apart_is_told_of_at_the_start(at: EngineAtHand, gateway: Server) -> None:
    assert ("event=containers_not_separated" in gateway.log) is (at.kind == "podman")


def test_why_an_engine_cannot_be_spoken_to_is_for_the_log_and_not_for_the_user(
    serving: Serving, engine_at: Callable[[str], EngineAtHand]
) -> None:
    tls = engine_at("tls")
    with serving({}, host={"host": tls.connection["host"]}, client=tls.client) as server:
        assert "event=engine_not_ready" in server.log
        assert "code=ENGINE_ACCESS_DENIED" in server.log
        assert "the engine speaks TLS on this port: set cacert, cert and key" in server.log
        done = server.ssh("echo hi")
    assert (done.returncode, done.stdout) == (255, b"")
    assert done.stderr == (
        b"sshore: Containers are not available at the moment, please try again later. (ENGINE_ACCESS_DENIED)\n"
    )
