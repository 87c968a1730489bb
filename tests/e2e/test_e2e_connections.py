"""Who gets which container, and what happens when one is lost."""

from __future__ import annotations

import asyncio
import re
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import asyncssh
import pytest
from docker import DockerClient
from support.pool_switch import COLD
from support.server import EVENT_SECONDS, Server, Serving

pytestmark = pytest.mark.engine

CROWD = 20
PORT = 7777

# A listener that answers anyone who reaches it, and its own address's answer as a proof that it can be reached.
LISTEN = rf"""
perl -MIO::Socket::INET -e '
  my $listener = IO::Socket::INET->new(LocalPort => {PORT}, Listen => 5, ReuseAddr => 1) or die $!;
  fork and exit;
  close STDIN; close STDOUT; close STDERR;
  while (my $caller = $listener->accept) {{ print $caller "reached\n"; close $caller }}'
address=$(hostname -i)
exec 3<>/dev/tcp/$address/{PORT} && read -r answer <&3
echo "$(hostname) $address $answer"
"""
# As often as lines come: try whom the line names.
TRY = rf"""
while read -r address; do
  if timeout 1 bash -c "exec 3<>/dev/tcp/$address/{PORT} && read -r answer <&3"; then echo reached; else echo no; fi
done
"""


def test_two_sessions_of_one_connection(server: Server, mode: str) -> None:
    with server.master() as same:
        hostnames = [server.ssh("hostname", options=same).stdout for _ in range(2)]
    other = server.ssh("hostname").stdout

    assert all(re.fullmatch(rb"[0-9a-f]{12}\n", name) for name in [*hostnames, other])
    assert (hostnames[0] == hostnames[1]) is (mode == "connection")
    assert other not in hostnames


def test_the_log_names_a_client_in_one_form(server: Server) -> None:
    mark = server.log_mark()
    address, port = server.ssh("echo $SSH_CLIENT").stdout.decode().split()[:2]
    server.wait_for_log("event=disconnected", since=mark)

    lines = [line for line in server.log[mark:].splitlines() if " client=" in line]
    assert {"connected", "program_ended", "disconnected"} <= {re.findall(r"event=(\w+)", line)[0] for line in lines}
    assert {re.findall(r" client=(\S+)", line)[0] for line in lines} == {f"{address}:{port}"}


def test_sessions_of_one_connection_run_side_by_side(server: Server, mode: str) -> None:
    with server.master() as same, ExitStack() as stack:
        programs = [stack.enter_context(talking(server, "echo begun; cat", same)) for _ in range(5)]
        for number, program in enumerate(programs):
            assert program.communicate(b"%d" % number, timeout=20)[0] == b"%d" % number


def test_a_session_that_ends_does_not_disturb_its_siblings(server: Server) -> None:
    with server.master() as same, talking(server, "echo begun; cat", same) as sibling:
        assert server.ssh("exit 3", options=same).returncode == 3
        with talking(server, "echo begun; sleep 600", same) as killed:
            killed.kill()
        assert server.ssh("echo $((6*7))", options=same).stdout == b"42\n"
        assert sibling.communicate(b"still here", timeout=20)[0] == b"still here"


@pytest.mark.timeout(120)
def test_twenty_at_once_have_twenty_containers_and_none_reaches_another(server: Server) -> None:
    with ExitStack() as stack:
        clients = [stack.enter_context(client(server, f"bash -c '{quoted(LISTEN + TRY)}'")) for _ in range(CROWD)]
        names, addresses, answers = zip(*(line(each).split() for each in clients), strict=True)
        assert set(answers) == {"reached"}
        assert len(set(names)) == CROWD
        assert len(set(addresses)) == CROWD

        for each, neighbour in zip(clients, [*addresses[1:], addresses[0]], strict=True):
            assert each.stdin is not None
            each.stdin.write(f"{neighbour}\n".encode())
            each.stdin.flush()
        assert {line(each) for each in clients} == {"no"}


def test_the_containers_name_and_labels_tell_whose_it_is(
    serving: Serving, docker_client: DockerClient, mode: str
) -> None:
    # What waited before his login has no label of his, and his name a little later.
    with serving({"mode": mode, **COLD}) as server, talking(server, "echo begun; hostname; cat") as program:
        container = docker_client.containers.get(line(program))
        labels = container.labels
        assert container.name.startswith("sshore-demo-")
        assert (labels["sshore"], labels["sshore.gateway"]) == ("1", gateway(server))
        assert labels["sshore.user"] == "demo"
        assert re.fullmatch(r"127\.0\.0\.1:\d+", labels["sshore.client"])
        assert labels["sshore.connection"] in server.log
        assert labels["sshore.startLimit"] == "120"
        program.communicate(b"", timeout=20)


def gateway(server: Server) -> str:
    return server.wait_for_log(r"gateway=(\w+)")[1]


@pytest.mark.parametrize("mode", ["connection"], indirect=True, scope="session")
async def test_a_container_killed_underneath_ends_its_sessions_and_then_its_connection(
    server: Server, docker_client: DockerClient
) -> None:
    async with server.connect() as connection:
        first = await connection.create_process("hostname; cat")
        second = await connection.create_process("echo begun; cat")
        name = (await first.stdout.readline()).strip()
        assert await second.stdout.readline() == "begun\n"

        await asyncio.to_thread(docker_client.api.kill, name)

        ends = await asyncio.wait_for(asyncio.gather(first.wait(), second.wait()), EVENT_SECONDS)
        assert all(end.exit_status for end in ends)
        assert all("Your container has ended. (CONTAINER_LOST)" in end.stderr for end in ends)
        await asyncio.wait_for(connection.wait_closed(), EVENT_SECONDS)


@pytest.mark.parametrize("mode", ["connection"], indirect=True, scope="session")
def test_a_person_whose_container_is_killed_is_told_and_logged_out(server: Server, docker_client: DockerClient) -> None:
    with talking(server, "echo begun; hostname; cat") as program:
        docker_client.api.kill(line(program))
        out, err = program.communicate(timeout=20)

    assert out == b""
    assert b"Your container has ended. (CONTAINER_LOST)" in err
    assert program.returncode not in (0, None)


@pytest.mark.parametrize("mode", ["connection"], indirect=True, scope="session")
async def test_an_idle_connection_whose_container_is_killed_is_closed_with_a_reason(
    server: Server, docker_client: DockerClient
) -> None:
    async with server.connect() as connection:
        name = (await connection.run("hostname")).stdout.strip()
        await asyncio.to_thread(docker_client.api.kill, name)
        with pytest.raises((asyncssh.DisconnectError, asyncssh.ChannelOpenError)) as closed:
            await asyncio.wait_for(use_until_closed(connection), EVENT_SECONDS)

    assert "CONTAINER_LOST" in str(closed.value) or isinstance(closed.value, asyncssh.ChannelOpenError)


async def use_until_closed(connection: asyncssh.SSHClientConnection) -> None:
    await connection.wait_closed()
    await connection.run("true")


@pytest.mark.parametrize("mode", ["session"], indirect=True, scope="session")
def test_a_sessions_own_container_killed_underneath_is_the_end_of_that_session_only(
    server: Server, docker_client: DockerClient
) -> None:
    with server.master() as same, talking(server, "echo begun; cat", same) as sibling:
        with talking(server, "echo begun; hostname; cat", same) as program:
            docker_client.api.kill(line(program))
            program.communicate(timeout=20)
        assert program.returncode == 137
        assert sibling.communicate(b"still here", timeout=20)[0] == b"still here"


@contextmanager
def client(server: Server, command: str, options: list[str] | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """A client that runs as long as the block at most."""
    argv, pipe = server.ssh_argv(command, options=options or []), subprocess.PIPE
    with subprocess.Popen(argv, stdin=pipe, stdout=pipe, stderr=pipe) as process:
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def talking(server: Server, command: str, options: list[str] | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """The same; its program has said `begun`."""
    with client(server, command, options) as process:
        assert line(process) == "begun"
        yield process


def line(process: subprocess.Popen[bytes]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().decode().strip()


def quoted(script: str) -> str:
    return script.replace("'", "'\\''")
