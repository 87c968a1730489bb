"""`kill -9` of dockerd, whatever it was doing: users hear of it, and when it is back nothing is left."""

from __future__ import annotations

import functools
import http.client
import shutil
import signal
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.census import LeavesNothing
from support.clients import Client, clients
from support.engine_proxy import EngineProxy, Hold
from support.engines import copy_image
from support.own_engine import OwnEngine
from support.own_site import Site, Starting, said, site_on
from support.pool_switch import COLD, SIZE

pytestmark = [pytest.mark.engine, pytest.mark.timeout(180)]

NOTHING = "nothing, he had left"

KINDS = (PLAIN, LIVE_RESTORE) = ("plain", "live-restore")
"""Whether containers outlive their engine."""

TWENTY = 20
TWO = 2
PROMPT_SECONDS = 2.0
RETURN_SECONDS = 2.0
GONE = "Containers are not available at the moment, please try again later."
LOST = "The connection to your program was lost."

SiteOf = Callable[..., Site]
"""The site of a kind of engine and a mode, and whether users start containers of their own there."""


@contextmanager
def outlived_engine(image: str, source: str) -> Iterator[OwnEngine]:
    """An engine with `live-restore`."""
    folder = Path(tempfile.mkdtemp(prefix="sshore-"))
    own = OwnEngine(folder, arguments=["--live-restore"])
    own.start()
    try:
        copy_image(image, source, own.host)
        yield own
    finally:
        own.discard()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def site_of(own_engine: OwnEngine, mini_image: str, engine_host: str, starting: Starting) -> Iterator[SiteOf]:
    """Engines of the tests' own, of both kinds, and their gateways: each is started when it is needed."""
    with ExitStack() as stack:

        @functools.cache
        def engine(kind: str) -> OwnEngine:
            return own_engine if kind == PLAIN else stack.enter_context(outlived_engine(mini_image, engine_host))

        @functools.cache
        def site(kind: str, mode: str, cold: bool = False) -> Site:
            return stack.enter_context(site_on(engine(kind), starting, mode, execution=COLD if cold else None))

        yield site


@pytest.mark.parametrize("kind", KINDS)
def test_twenty_users_in_the_middle_of_output_have_their_prompts_back(
    site_of: SiteOf, leaving_nothing: LeavesNothing, mode: str, kind: str
) -> None:
    site = site_of(kind, mode)
    gateway = site.gateway
    with (
        leaving_nothing(f"dockerd killed under 20 streaming sessions, {kind}", gateway, site.before) as fault,
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
    """Where the engine is killed: `reach` holds what the gateway asks there."""

    name: str
    reach: Callable[[EngineProxy], Hold]
    leave: bool = False
    """The users leave, and the gateway is at their removal."""
    outlived: bool = False
    """Whether it makes a difference that the containers outlive the engine."""
    cold: bool = False
    """Whether it is one of users' own starts."""


PHASES = (
    Phase("before create", lambda proxy: proxy.hold_request("POST", "/containers/create.*"), cold=True),
    Phase("in create", lambda proxy: proxy.hold_answer("POST", "/containers/create.*"), cold=True),
    Phase("between create and start", lambda proxy: proxy.hold_request("POST", "/containers/[^/]+/start"), cold=True),
    Phase("in start", lambda proxy: proxy.hold_answer("POST", "/containers/[^/]+/start"), outlived=True, cold=True),
    Phase("at the exec's create", lambda proxy: proxy.hold_request("POST", "/containers/[^/]+/exec"), cold=True),
    Phase("in the exec's create", lambda proxy: proxy.hold_answer("POST", "/containers/[^/]+/exec"), cold=True),
    Phase("at the exec's start", lambda proxy: proxy.hold_request("POST", "/exec/[^/]+/start"), cold=True),
    Phase(
        "in the exec's start", lambda proxy: proxy.hold_answer("POST", "/exec/[^/]+/start"), outlived=True, cold=True
    ),
    Phase("before removal", lambda proxy: proxy.hold_request("DELETE", "/containers/.*"), leave=True),
    Phase("in removal", lambda proxy: proxy.hold_answer("DELETE", "/containers/.*"), leave=True, outlived=True),
)
CASES = [
    *((PLAIN, phase) for phase in PHASES),
    *((LIVE_RESTORE, phase) for phase in PHASES if phase.outlived),
]


@pytest.mark.parametrize(("kind", "phase"), CASES, ids=[f"{kind}, {phase.name}" for kind, phase in CASES])
def test_its_users_hear_of_it_and_when_it_is_back_nothing_is_left(
    site_of: SiteOf, leaving_nothing: LeavesNothing, mode: str, kind: str, phase: Phase
) -> None:
    # Without pools they are no others.
    site = site_of(kind, mode, cold=phase.cold and SIZE > 0)
    gateway = site.gateway
    with (
        leaving_nothing(f"dockerd killed {phase.name}, {kind}", gateway, site.before) as fault,
        ExitStack() as stack,
    ):
        held = phase.reach(site.proxy)
        stack.callback(site.engine.start)
        stack.callback(held.drop)
        users = stack.enter_context(clients(gateway, TWO, "echo ready; exec sleep 1000"))
        if phase.leave:
            for user in users:
                user.expect("ready")
                user.kill()
        held.wait_for(TWO)
        fault.begins()
        site.kill_engine()
        held.drop()
        [fault.saw] = {end_of(user) for user in users}
        opens_the_program = mode == "connection" and phase.name.endswith("exec's start")
        assert fault.saw.startswith(NOTHING if phase.leave else LOST if opens_the_program else GONE)
        site.engine.start()
        assert gateway.ssh("echo back").stdout == b"back\n"


def end_of(user: Client) -> str:
    return NOTHING if user.process.poll() == -signal.SIGKILL else said(user)


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
            time.sleep(0.01)  # nothing tells of a socket that begins to answer
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
