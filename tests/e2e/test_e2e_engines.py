"""Engines of every kind: what a user meets is the same, however each of them says it."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator

import pytest
from support.engines import EngineAtHand, looked_at
from support.server import Server, Serving
from support.terminal import Terminal

pytestmark = [pytest.mark.engine, pytest.mark.timeout(600)]

RUNS = int(os.environ.get("SSHORE_HALF_CLOSE_RUNS", "5"))
"""How often each; 200 by hand."""
BULK = 10_000_000


@pytest.fixture(scope="module", params=[*looked_at(), "ssh"])
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


@pytest.mark.parametrize("kind", [kind for kind in ("unix", "docker-28", "podman-5") if kind in looked_at()])
def test_a_terminal_has_the_size_that_its_client_knows(
    kind: str, engine_at: Callable[[str], EngineAtHand], mode: str, guest_image: str, serving: Serving
) -> None:
    at = engine_at(kind)
    with serving(
        {"mode": mode, "container": {"Image": at.bring(guest_image)}}, host=at.connection, client=at.client
    ) as server:
        for columns, rows in ((0, 30), (100, 0), (0, 0), (100, 30)):
            with Terminal(server.ssh_argv("stty size", options=["-tt"]), columns=columns, rows=rows) as terminal:
                terminal.expect(f"{rows} {columns}\r\n")
                assert terminal.wait() == 0


def test_a_user_that_the_image_lacks_is_a_program_that_cannot_be_executed(
    at: EngineAtHand, mode: str, mini_image: str, serving: Serving
) -> None:
    execution = {"mode": mode, "container": {"Image": at.bring(mini_image), "User": "nobody-knows"}}
    path = ["env", f"PATH={at.path}"] if at.path else []
    with serving(execution, host=at.connection, client=at.client, wrapper=path) as server:
        done = server.ssh("echo out")
        assert (done.returncode, done.stdout) == (126, b"")
        assert re.fullmatch(r"sshore: [^\n]*\(PROGRAM_START_FAILED\)\n", done.stderr.decode())
        assert "nobody-knows" not in done.stderr.decode()
        assert "unable to find user nobody-knows" in server.wait_for_log(r"event=session_refused.*")[0]


def test_an_engine_that_keeps_no_containers_apart_is_told_of_at_the_start(at: EngineAtHand, gateway: Server) -> None:
    assert ("event=containers_not_separated" in gateway.log) is at.kind.startswith("podman")


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
