"""A dockerd that hangs for longer than each timeout: users hear of it, and what runs goes on behind it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from support.census import LeavesNothing
from support.client import eventually
from support.clients import clients
from support.own_engine import OwnEngine
from support.own_site import Site, Starting, said, site_on
from support.pool_switch import COLD

pytestmark = [pytest.mark.engine, pytest.mark.timeout(180)]

TIMEOUTS = dict.fromkeys(("http", "containerStart", "containerStop", "commandStart", "signal", "window"), "6s")
TOO_LONG = "Containers take too long at the moment, please try again later. (ENGINE_TIMED_OUT)"
LOST = "The connection to your program was lost. (STREAM_FAILED)"
PROGRAM = "echo ready; exec sleep 1000"

TERMINAL = "trap 'echo caught' USR1; echo ready; while :; do stty size; sleep 0.2; done"

OF_ALL = {
    "finding the image": ("GET", "/images/.*", TOO_LONG),
    "create": ("POST", "/containers/create.*", TOO_LONG),
    "start": ("POST", "/containers/[^/]+/start", TOO_LONG),
}
OF_MODE = {
    "connection": {
        "attach": ("POST", "/containers/[^/]+/attach.*", TOO_LONG),
        "the exec's create": ("POST", "/containers/[^/]+/exec", TOO_LONG),
        "the exec's start": ("POST", "/exec/[^/]+/start", LOST),
    },
    "session": {"attach": ("POST", "/containers/[^/]+/attach.*", LOST)},
}


@pytest.fixture(scope="module")
def site(own_engine: OwnEngine, starting: Starting, mode: str) -> Iterator[Site]:
    """A gateway with short timeouts on an engine of the tests' own; each user is in a phase of his own start."""
    # The only execs are the users' own.
    execution = {**COLD, "primed": False}
    with site_on(own_engine, starting, mode, crowd=10, timeouts=TIMEOUTS, execution=execution) as site:
        yield site


def test_users_in_every_phase_hear_of_it_and_others_go_on(
    site: Site, leaving_nothing: LeavesNothing, mode: str
) -> None:
    gateway = site.gateway
    with (
        leaving_nothing("dockerd stopped for longer than each timeout", gateway, site.before) as fault,
        clients(gateway, 2, "echo ready; exec cat") as (survivor, leaver),
        ExitStack() as stack,
    ):
        for user in (survivor, leaver):
            user.expect("ready")
        waiting, holds = {}, []
        for name, (method, path, _) in (phases := OF_ALL | OF_MODE[mode]).items():
            holds.append(site.proxy.hold_request(method, path, most=1))
            [waiting[name]] = stack.enter_context(clients(gateway, 1, PROGRAM))
            holds[-1].wait_for(1)
        holds.append(site.proxy.hold_request("DELETE", "/containers/.*", most=1))
        leaver.kill()
        holds[-1].wait_for(1)
        fault.begins()
        with site.stopped_engine():
            mark = gateway.log_mark()
            for held in holds:
                held.release()
            heard = {name: said(user) for name, user in waiting.items()}
            assert heard == {name: sentence for name, (_, _, sentence) in phases.items()}
            gateway.wait_for_log("event=container_removal_postponed", since=mark)
            survivor.type("typed meanwhile")
        survivor.expect("typed meanwhile")
        survivor.log_out()
        assert survivor.wait() == 0
        fault.saw = "; ".join(f"{name}: {sentence}" for name, sentence in heard.items())
        assert gateway.ssh("echo back").stdout == b"back\n"


async def test_a_new_window_and_a_signal_wait_for_it_no_longer_than_they_may(
    site: Site, leaving_nothing: LeavesNothing, mode: str
) -> None:
    gateway = site.gateway
    operation = "exec_resize" if mode == "connection" else "container_resize"
    with leaving_nothing("dockerd stopped while a terminal is resized", gateway, site.before) as fault:
        async with gateway.connect() as connection:
            program = await connection.create_process(TERMINAL, term_type="xterm", term_size=(80, 24))
            await program.stdout.readuntil("ready")

            def timed_out() -> bool:
                failures = "sshore_backend_failures_total"
                return gateway.metric(failures, operation=operation, code="ENGINE_TIMED_OUT") > 0

            fault.begins()
            with site.stopped_engine():
                program.change_terminal_size(100, 30)
                await eventually(timed_out, "the timeout")
                program.send_signal("USR1")
            program.change_terminal_size(120, 40)
            said = await program.stdout.readuntil("40 120")
            if "caught" not in said:
                await program.stdout.readuntil("caught")
            fault.saw = "nothing; the last size and the signal arrive behind it"
            program.close()
