"""An asyncssh server of somebody else's, built on ContainerServer, on the real engine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import asyncssh
import pytest
from sshore import Backend, ConnectionHandler, ContainerServer, DockerConfig, server_options
from support.pool_switch import COLD

pytestmark = pytest.mark.engine

PASSWORDS = {"alice": "wonderland", "bob": "builder"}
SECONDS = 30.0


class MyServer(ContainerServer):
    """Passwords of its own, counters of its own, and an image that does not exist for bob."""

    def __init__(self, backend: Backend, requests: Any, failures: Any) -> None:
        super().__init__(backend)
        self._counters = {"requests": requests, "failures": failures}

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return PASSWORDS.get(username) == password

    def new_handler(self, client: tuple[str, int], connection_id: str) -> ConnectionHandler:
        assert client[0] == "127.0.0.1"
        return self.backend.connection(client, connection_id, **self._counters)


@pytest.fixture
async def port(backend: Backend, requests: Any, failures: Any) -> AsyncIterator[int]:
    listener = await asyncssh.create_server(
        lambda: MyServer(backend, requests, failures),
        "127.0.0.1",
        0,
        server_host_keys=[asyncssh.generate_private_key("ssh-ed25519")],
        **server_options(),
    )
    yield listener.get_port()
    listener.close()
    await listener.wait_closed()


def connect(port: int, user: str = "alice", password: str | None = None) -> Any:
    return asyncssh.connect(
        "127.0.0.1",
        port,
        username=user,
        password=password or PASSWORDS[user],
        client_keys=None,
        agent_path=None,
        known_hosts=None,
        config=None,
        # Another answer than a password's would leave the server's own methods untested.
        preferred_auth="password",
    )


async def test_a_user_of_its_own_runs_a_command(port: int, requests: Any, failures: Any) -> None:
    async with asyncio.timeout(SECONDS), connect(port) as client:
        done = await client.run("echo out; echo err >&2; exit 7")
        assert (done.stdout, done.stderr, done.exit_status) == ("out\n", "err\n", 7)
        done = await client.run("cat", input="round trip")
        assert (done.stdout, done.exit_status) == ("round trip", 0)
    assert requests.value >= 5
    assert failures.value == 0


async def test_a_wrong_password_gets_no_container(port: int, requests: Any) -> None:
    async with asyncio.timeout(SECONDS):
        with pytest.raises(asyncssh.PermissionDenied):
            await connect(port, password="wrong")
    assert requests.value == 0


async def test_a_terminal_is_the_containers_own(port: int) -> None:
    async with asyncio.timeout(SECONDS), connect(port) as client:
        program = await client.create_process("stty size; cat", term_type="xterm", term_size=(91, 32))
        assert await program.stdout.readline() == "32 91\r\n"
        program.stdin.write("typed\n")
        assert await program.stdout.readline() == "typed\r\n"
        program.stdin.write("\x04")
        assert (await program.wait()).exit_status == 0


# What fills the pool is no connection's: the backend counts it.
@pytest.mark.parametrize(
    "docker", [{"mode": "connection", **COLD}, {"mode": "session"}], ids=["connection", "session"], indirect=True
)
async def test_the_backends_own_metrics_do_not_count_what_others_count(
    port: int, backend: Backend, requests: Any
) -> None:
    async with asyncio.timeout(SECONDS), connect(port) as client:
        assert (await client.run("true")).exit_status == 0
    value = backend.metrics.registry.get_sample_value
    assert value("sshore_backend_requests_total", {"operation": "container_create"}) in (None, 0.0)
    assert value("sshore_handshakes_total", {"result": "success"}) == 1
    assert requests.value > 0


async def test_each_connection_may_have_its_own_configuration(backend: Backend, docker: DockerConfig) -> None:
    class ByUser(MyServer):
        def new_handler(self, client: tuple[str, int], connection_id: str) -> ConnectionHandler:
            execution = docker.execution.model_copy(
                update={"container": {**docker.execution.container, "Env": ["WHOSE=mine"]}}
            )
            own = docker.model_copy(update={"execution": execution})
            return self.backend.connection(client, connection_id, docker=own)

    listener = await asyncssh.create_server(
        lambda: ByUser(backend, None, None),
        "127.0.0.1",
        0,
        server_host_keys=[asyncssh.generate_private_key("ssh-ed25519")],
        **server_options(),
    )
    async with asyncio.timeout(SECONDS), connect(listener.get_port()) as client:
        assert (await client.run("echo $WHOSE")).stdout == "mine\n"
    listener.close()


# It is found by its label.
@pytest.mark.parametrize("docker", [{"mode": "connection", **COLD}], ids=["connection"], indirect=True)
async def test_a_client_is_disconnected_when_its_container_is_lost(
    port: int, docker: DockerConfig, docker_client: Any
) -> None:
    async with asyncio.timeout(SECONDS), connect(port) as client:
        program = await client.create_process("echo up; sleep 1000")
        assert await program.stdout.readline() == "up\n"
        [container] = docker_client.containers.list(filters={"label": "sshore.user=alice"})
        container.remove(force=True)
        done = await program.wait()
        assert done.exit_status in (137, 255)
        await client.wait_closed()
