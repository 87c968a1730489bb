"""What somebody, or the kernel, does to a container: its user is told, and nobody else notices."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Set
from contextlib import ExitStack, contextmanager

import pytest
from docker.models.containers import Container
from support.census import LeavesNothing, warm_up
from support.clients import Client, clients
from support.engine_proxy import EngineProxy
from support.gateway import Gateway, StartGateway, wait_until
from support.pool_switch import COLD
from support.witness import Witness

pytestmark = pytest.mark.engine

LOST = "sshore: Your container has ended. (CONTAINER_LOST)"
EXHAUSTED = "sshore: Your container ran out of memory. (OUT_OF_MEMORY)"
SMALL = {"Memory": 32 << 20, "MemorySwap": 32 << 20}
SECONDS = 20.0


def kill(container: Container) -> None:
    container.kill()


def stop(container: Container) -> None:
    container.stop(timeout=1)


def remove(container: Container) -> None:
    container.remove(force=True)


def pause_and_remove(container: Container) -> None:
    container.pause()
    container.remove(force=True)


def ids(gateway: Gateway) -> Set[str | None]:
    """The containers that it has now."""
    return {container.id for container in gateway.containers()}


@contextmanager
def program_in_a_container(
    gateway: Gateway, command: str = "cat", options: tuple[str, ...] = (), strangers: Set[str | None] | None = None
) -> Iterator[tuple[Client, Container]]:
    """A client whose program has said that it is ready, and its container: the one that is not among the strangers.

    Without strangers these are all that there are now, so its connection has to be a new one.
    """
    known = ids(gateway) if strangers is None else strangers
    with clients(gateway, 1, f"echo ready; {command}", options=options) as [client]:
        client.expect("ready")
        wait_until(gateway.guarded)
        [container] = [one for one in gateway.containers() if one.id not in known]
        yield client, container


@pytest.mark.parametrize("terminal", [(), ("-tt",)], ids=["pipes", "terminal"])
@pytest.mark.parametrize("end", [kill, stop, remove, pause_and_remove])
def test_a_container_that_somebody_ends(
    gateway: Gateway,
    leaving_nothing: LeavesNothing,
    witness: Witness,
    end: Callable[[Container], None],
    terminal: tuple[str, ...],
) -> None:
    name = f"docker {end.__name__.replace('_', ' ')}, {'on a terminal' if terminal else 'without one'}"
    with leaving_nothing(name, gateway) as fault, program_in_a_container(gateway, options=terminal) as (client, its):
        fault.begins()
        end(its)
        status = client.wait()
        fault.saw = f"{status}, {sentence(client)!r}"
        assert status in (137, 143), fault.saw
        # A program that a TERM ended by itself has a status that tells everything.
        assert sentence(client) == LOST or status == 143, fault.saw


def test_the_sessions_of_a_connection_share_its_containers_end_or_do_not_notice(
    gateway: Gateway, leaving_nothing: LeavesNothing, witness: Witness, mode: str
) -> None:
    with ExitStack() as stack:
        fault = stack.enter_context(leaving_nothing("docker kill under one of two sessions", gateway))
        strangers = ids(gateway)
        same = stack.enter_context(gateway.master())
        with clients(gateway, 1, "echo ready; cat", options=same) as [sibling]:
            sibling.expect("ready")
            wait_until(gateway.guarded)
            known = ids(gateway)
            with clients(gateway, 1, "echo ready; cat", options=same) as [client]:
                client.expect("ready")
                wait_until(gateway.guarded)
                mine = [one for one in gateway.containers() if one.id not in known]
                fault.begins()
                if mode == "session":
                    mine[0].kill()
                    assert client.wait() == 137
                    sibling.type("still here")
                    sibling.expect("still here")
                    fault.saw = "137 and the sentence; the other session goes on"
                else:
                    assert mine == []
                    [shared] = [one for one in gateway.containers() if one.id not in strangers]
                    shared.kill()
                    assert (client.wait(), sibling.wait()) == (137, 137)
                    assert sentence(sibling) == LOST
                    fault.saw = "137 and the sentence, in both: they share it"
                assert sentence(client) == LOST


def test_a_paused_container_goes_on_where_it_was(
    gateway: Gateway, leaving_nothing: LeavesNothing, witness: Witness
) -> None:
    with leaving_nothing("docker pause, unpause", gateway) as fault, program_in_a_container(gateway) as (client, its):
        its.pause()
        client.type("typed meanwhile")
        witness.answers()
        assert b"typed" not in client.output
        its.unpause()
        client.expect("typed meanwhile")
        fault.saw = "nothing moves; then everything comes"
        fault.begins()


def test_a_client_that_leaves_a_paused_container(
    gateway: Gateway, leaving_nothing: LeavesNothing, witness: Witness
) -> None:
    with leaving_nothing("docker pause, then the client is killed", gateway) as fault:
        with program_in_a_container(gateway, "yes") as (client, its):
            its.pause()
            fault.begins()
            client.kill()
        fault.saw = "he has left"


@pytest.mark.parametrize("mode", ["connection"], indirect=True, scope="session")
def test_a_session_in_a_paused_container_is_refused_and_the_next_is_not(
    gateway: Gateway, leaving_nothing: LeavesNothing, witness: Witness
) -> None:
    with ExitStack() as stack:
        fault = stack.enter_context(leaving_nothing("exec refused: docker pause", gateway))
        strangers = ids(gateway)
        same = stack.enter_context(gateway.master())
        with program_in_a_container(gateway, options=tuple(same), strangers=strangers) as (client, its):
            its.pause()
            refused = gateway.ssh("true", options=same)
            fault.begins()
            fault.saw = f"{refused.returncode}, {refused.stderr.decode().strip()!r}"
            its.unpause()
            assert refused.returncode == 255
            assert refused.stderr.startswith(b"sshore: "), fault.saw
            assert gateway.ssh("echo on", options=same).stdout == b"on\n"
            client.type("still here")
            client.expect("still here")


@pytest.mark.parametrize("mode", ["connection"], indirect=True, scope="session")
def test_a_container_that_goes_before_its_exec(
    proxy: EngineProxy, start_gateway: StartGateway, leaving_nothing: LeavesNothing, mode: str
) -> None:
    gateway = start_gateway(mode, host=proxy.host, execution=COLD)
    before = warm_up(gateway)
    held = proxy.hold_request("POST", "/containers/[^/]+/exec", most=1)
    with (
        leaving_nothing("exec refused: the container is gone", gateway, before) as fault,
        clients(gateway, 1, "true") as [client],
    ):
        held.wait_for(1)
        [its] = gateway.containers()
        its.remove(force=True)
        fault.begins()
        held.release()
        status = client.wait()
        fault.saw = f"{status}, {sentence(client)!r}"
        assert status == 255
        assert sentence(client) == LOST


def test_memory_that_is_used_up(start_gateway: StartGateway, leaving_nothing: LeavesNothing, mode: str) -> None:
    gateway = start_gateway(mode, limits_of_containers=SMALL)
    before = warm_up(gateway)
    with ExitStack() as stack:
        fault = stack.enter_context(leaving_nothing("out of memory, a program alone", gateway, before))
        same = stack.enter_context(gateway.master())
        with clients(gateway, 1, "echo ready; cat", options=same) as [sibling]:
            sibling.expect("ready")
            fault.begins()
            with clients(gateway, 1, "exec sort /dev/zero", options=same) as [client]:
                status = client.wait()
            fault.saw = f"{status}, {sentence(client)!r}; his other session goes on"
            assert status == 137
            assert sentence(client) == EXHAUSTED
            sibling.type("still here")
            sibling.expect("still here")


def sentence(client: Client) -> str:
    """What it was told, whatever it says of its own afterwards."""
    return next((line for line in client.output.decode().splitlines() if line.startswith("sshore: ")), "")
