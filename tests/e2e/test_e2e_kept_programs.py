"""What a program's children still write when it has ended, in session mode, beside a real sshd."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest
from docker import DockerClient
from support.beside_sshd import Came, Run, outcomes, run_client, sshd_client
from support.gateway import wait_until
from support.leftovers import sshore_containers
from support.server import Server, Serving

pytestmark = [pytest.mark.engine, pytest.mark.timeout(120)]

RUNS = (
    Run("""exec bash -c 'exec > >(sed "s/^/> /"); echo hi; exit 3'"""),
    Run("(sleep 0.5; echo late) & echo now; exit 4"),
    Run("{ sleep 0.3; cat >&2; } <&0 >/dev/null & echo now; exit 5", stdin=b"to stderr\n"),
    Run("setsid sh -c 'sleep 0.5; echo far >/dev/stdout' & exit 6"),
    Run("sh -c '(sleep 0.2; echo one) & (sleep 1.5; echo two) & exit 7'; exit $?"),
    Run("exec 5>&1 >/dev/null 2>&1; (sleep 0.4; echo by another descriptor >&5) & exit 8"),
    Run("trap 'echo caught; exit 9' TERM; kill -TERM 0; echo not here"),
    Run("sleep 600 >/dev/null 2>&1 </dev/null & echo alone; exit 10"),
    Run("exit 11", options=("-n",)),
    Run("not-a-command 2>/dev/null"),
    Run("env | grep -c -e ^TINI -e ^sshore"),
)


@pytest.fixture(scope="module")
def under_sshd(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Came]:
    """What comes of them under sshd."""
    with sshd_client(tmp_path_factory.mktemp("sshd")) as client:
        return outcomes(client, RUNS)


@pytest.fixture(scope="module", params=["on", "off"])
def server(serving: Serving, request: pytest.FixtureRequest) -> Iterator[Server]:
    """A server in session mode, its bytes on named pipes and not."""
    with serving({"mode": "session", "pipes": request.param}) as started:
        yield started


def test_every_byte_comes_and_the_programs_own_status(server: Server, under_sshd: dict[str, Came]) -> None:
    def client(run: Run) -> Came:
        return run_client(server.ssh_argv(run.command, options=["-q", *run.options]), run.stdin)

    assert outcomes(client, RUNS) == under_sshd
    assert -1 not in {came.status for came in under_sshd.values()}


def test_a_program_that_is_killed_has_its_status_and_says_nothing_more(server: Server) -> None:
    done = server.ssh("echo up; kill -9 $$")
    assert (done.stdout, done.stderr, done.returncode) == (b"up\n", b"", 128 + 9)


def test_a_client_that_leaves_ends_it_and_what_still_writes(server: Server, docker_client: DockerClient) -> None:
    with subprocess.Popen(
        server.ssh_argv("(sleep 600; echo never) & echo now; exit 4"), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as client:
        assert client.stdout is not None
        assert client.stdout.readline() == b"now\n"
        client.kill()
    wait_until(lambda: not sshore_containers(docker_client, {"sshore.gateway": server.gateway}))


def test_where_an_operator_wants_it_cut_it_is_and_that_is_told(serving: Serving) -> None:
    with serving({"mode": "session", "lingerTime": "500ms"}) as server:
        done = server.ssh("(echo now; sleep 600; echo never) & exit 3", options=["-q"])
    said = b"sshore: What the program left running was ended, and its output cut. (OUTPUT_CUT)\n"
    assert (done.stdout, done.stderr, done.returncode) == (b"now\n", said, 3)
