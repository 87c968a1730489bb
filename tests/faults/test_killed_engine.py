"""`kill -9` of dockerd, whatever it was doing: users hear of it, and when it is back nothing is left."""

from __future__ import annotations

import http.client
import os
import shutil
import signal
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from docker import DockerClient
from support.census import Census, LeavesNothing, warm_up
from support.clients import Client, clients
from support.engine_proxy import EngineProxy, Hold
from support.engines import copy_image
from support.gateway import Gateway, StartGateway
from support.own_engine import OwnEngine

pytestmark = [pytest.mark.engine, pytest.mark.timeout(180)]

TWENTY = 20
FIVE = 5
PROMPT_SECONDS = 2.0
RETURN_SECONDS = 2.0
GONE = "Containers are not available at the moment, please try again later."
LOST = "The connection to your program was lost."


@dataclass(frozen=True)
class Site:
    """A gateway whose engine may be killed: it reaches it through a proxy that holds it in a phase."""

    engine: OwnEngine
    proxy: EngineProxy
    gateway: Gateway
    before: Census
    kind: str

    def kill_engine(self) -> None:
        os.kill(self.engine.pid, signal.SIGKILL)
        self.engine.stop()


@pytest.fixture(scope="module", params=["plain", "live-restore"])
def engine_kind(request: pytest.FixtureRequest) -> str:
    """Whether containers outlive the engine."""
    return request.param


@pytest.fixture(scope="module")
def engine(engine_kind: str, mini_image: str, engine_host: str) -> Iterator[OwnEngine]:
    """An engine of the test's own, without and with `live-restore`."""
    folder = Path(tempfile.mkdtemp(prefix="sshore-"))
    own = OwnEngine(folder, arguments=["--live-restore"] if engine_kind == "live-restore" else [])
    own.start()
    try:
        copy_image(mini_image, engine_host, own.host)
        yield own
    finally:
        own.discard()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def site(
    engine: OwnEngine, engine_kind: str, starting: Callable[[], AbstractContextManager[StartGateway]], mode: str
) -> Iterator[Site]:
    client = DockerClient(base_url=engine.host)
    with ExitStack() as stack:
        stack.callback(client.close)
        proxy = stack.enter_context(EngineProxy(engine.host))
        start = stack.enter_context(starting())
        gateway = start(mode, client=client, host=proxy.host)
        yield Site(engine, proxy, gateway, warm_up(gateway), engine_kind)


def said(user: Client) -> str:
    """What sshore has told him, once he has his prompt back."""
    assert user.wait() == 255, user.output[-300:]
    _, found, sentence = user.output.decode().rpartition("sshore: ")
    assert found, user.output[-300:]
    return sentence.strip()


def test_twenty_users_in_the_middle_of_output_have_their_prompts_back(
    site: Site, leaving_nothing: LeavesNothing
) -> None:
    gateway = site.gateway
    with (
        leaving_nothing("dockerd killed under 20 streaming sessions", gateway, site.before) as fault,
        clients(gateway, TWENTY, "echo ready >&2; exec yes", stdout=False) as users,
    ):
        for user in users:
            user.expect("ready")
        back = PromptTimes(users)
        fault.begins()
        began = time.monotonic()
        site.kill_engine()
        latest = max(back.wait()) - began
        sentences = {said(user) for user in users}
        answered = Answering(site.engine.socket)
        site.engine.start()
        assert gateway.ssh("echo back").stdout == b"back\n"
        returned = time.monotonic() - answered.at
        fault.saw = f"{' / '.join(sorted(sentences))} after {latest:.1f} s; served {returned:.1f} s behind its return"
        assert latest < PROMPT_SECONDS, fault.saw
        assert returned < RETURN_SECONDS, fault.saw


@dataclass(frozen=True)
class Phase:
    """Where the engine is killed: `reach` holds what the gateway sends there, or says that nothing is to be held."""

    name: str
    reach: Callable[[EngineProxy], Hold]
    command: str = "echo ready; exec cat"
    leave: bool = False
    """The users leave, and the gateway is at their removal."""
    sentence: str = GONE


PHASES = (
    Phase("before create", lambda proxy: proxy.hold_request("POST", "/containers/create.*")),
    Phase("in create", lambda proxy: proxy.hold_answer("POST", "/containers/create.*")),
    Phase("between create and start", lambda proxy: proxy.hold_request("POST", "/containers/[^/]+/start")),
    Phase("in start", lambda proxy: proxy.hold_answer("POST", "/containers/[^/]+/start")),
    Phase("at the exec's create", lambda proxy: proxy.hold_request("POST", "/containers/[^/]+/exec")),
    Phase("in the exec's create", lambda proxy: proxy.hold_answer("POST", "/containers/[^/]+/exec")),
    Phase("at the exec's start", lambda proxy: proxy.hold_request("POST", "/exec/[^/]+/start")),
    Phase("in the exec's start", lambda proxy: proxy.hold_answer("POST", "/exec/[^/]+/start"), sentence=LOST),
    Phase("before removal", lambda proxy: proxy.hold_request("DELETE", "/containers/.*"), leave=True),
    Phase("in removal", lambda proxy: proxy.hold_answer("DELETE", "/containers/.*"), leave=True),
)


@pytest.mark.parametrize("phase", PHASES, ids=[phase.name for phase in PHASES])
def test_its_users_hear_of_it_and_when_it_is_back_nothing_is_left(
    site: Site, leaving_nothing: LeavesNothing, phase: Phase
) -> None:
    gateway = site.gateway
    with (
        leaving_nothing(f"dockerd killed {phase.name}, {site.kind}", gateway, site.before) as fault,
        ExitStack() as stack,
    ):
        held = phase.reach(site.proxy)
        stack.callback(held.drop)
        users = stack.enter_context(clients(gateway, FIVE, phase.command, stdin=phase.leave))
        if phase.leave:
            for user in users:
                user.expect("ready")
                user.log_out()
        held.wait_for(FIVE)
        fault.begins()
        site.kill_engine()
        held.drop()
        fault.saw = " / ".join(sorted({end_of(user) for user in users}))
        site.engine.start()
        assert gateway.ssh("echo back").stdout == b"back\n"
        print(fault.name, fault.saw)


def end_of(user: Client) -> str:
    return "nothing, he had left" if user.wait() == 0 else said(user)


class PromptTimes:
    """When each of the users had his prompt back. Reads what they say meanwhile."""

    def __init__(self, users: list[Client]) -> None:
        self._ended = [0.0] * len(users)
        self._threads = [threading.Thread(target=self._follow, args=one) for one in enumerate(users)]
        for thread in self._threads:
            thread.start()

    def wait(self) -> list[float]:
        for thread in self._threads:
            thread.join()
        return self._ended

    def _follow(self, number: int, user: Client) -> None:
        user.wait()
        self._ended[number] = time.monotonic()


class Answering:
    """Knocks at an engine's socket; `at` is when it answered first."""

    def __init__(self, path: Path) -> None:
        self._path = str(path)
        self._at = 0.0
        self._thread = threading.Thread(target=self._knock, daemon=True)
        self._thread.start()

    @property
    def at(self) -> float:
        self._thread.join()
        return self._at

    def _knock(self) -> None:
        while not self._answers():
            time.sleep(0.01)
        self._at = time.monotonic()

    def _answers(self) -> bool:
        connection = http.client.HTTPConnection("engine")
        connection.sock = socket.socket(socket.AF_UNIX)
        with suppress(OSError, http.client.HTTPException):
            connection.sock.connect(self._path)
            connection.request("GET", "/_ping")
            return connection.getresponse().status == 200
        connection.close()
        return False
