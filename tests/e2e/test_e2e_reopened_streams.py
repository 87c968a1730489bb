"""Programs that open their own stdin, stdout and stderr by name, beside a real sshd."""

from __future__ import annotations

import io
import tarfile
import time
from collections.abc import Iterator

import pytest
from support.beside_sshd import Came, Run, outcomes, run_client, sshd_client
from support.server import EVENT_SECONDS, Server, Serving

pytestmark = [pytest.mark.engine, pytest.mark.timeout(120)]

AFTER_THE_END = "sleep 0.2"
"""The client's end has come by then, and been passed on."""


def archive() -> bytes:
    """A tar file with one name in it."""
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w") as tar:
        tar.addfile(tarfile.TarInfo("name"))
    return whole.getvalue()


RUNS = (
    Run("cat /dev/stdin", options=("-n",)),
    Run("bash /dev/stdin a b", stdin=b"echo $1 $2\n" * 3),
    Run("sh -s a", stdin=b"echo $1\ncat /dev/stdin\nnot a command\n"),
    Run(f"{AFTER_THE_END}; cat /dev/stdin; wc -c </proc/self/fd/0; head -c 1 /dev/fd/0", stdin=b"x" * 5000),
    Run(f"{AFTER_THE_END}; exec 3</dev/stdin; read -r a; cat <&3; exec 4<>/dev/stdin; echo $a", stdin=b"one\ntwo"),
    Run("tar tf /dev/stdin", stdin=archive()),
    Run(f"{AFTER_THE_END}; for i in 1 2 3 4; do cat /dev/stdin & done; wait; echo all", options=("-n",)),
    Run("cat; sleep 1; cat /dev/stdin; sleep 1; dd status=none if=/dev/stdin; echo late", stdin=b"early"),
    Run("exec 3<&0 <&-; cat /dev/stdin 2>&-; cat /dev/fd/3", stdin=b"moved"),
    Run(f"{AFTER_THE_END}; dd status=none iflag=nonblock if=/dev/stdin; echo $?", stdin=b"unblocked"),
    Run("tee /dev/stderr </dev/stdin; echo more >>/dev/stderr; echo out >/proc/self/fd/1", stdin=b"to both\n"),
    Run("exec 3<>/dev/stdout 4<>/dev/stderr; echo to 3 >&3; echo to 4 >&4; exit 7", options=("-n",)),
)


@pytest.fixture(scope="module")
def under_sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Came]]:
    """What comes of them under sshd."""
    with sshd_client(tmp_path_factory.mktemp("sshd")) as client:
        yield outcomes(client, RUNS)


@pytest.fixture(scope="module", params=["on", "off"])
def server(mode: str, serving: Serving, request: pytest.FixtureRequest) -> Iterator[Server]:
    """A server in each of the modes, its bytes on named pipes and not."""
    with serving({"mode": mode, "pipes": request.param}, log_level="debug") as started:
        yield started


def test_what_is_opened_by_name_is_as_under_sshd(server: Server, under_sshd: dict[str, Came]) -> None:
    def client(run: Run) -> Came:
        return run_client(server.ssh_argv(run.command, options=["-q", *run.options]), run.stdin)

    assert outcomes(client, RUNS) == under_sshd
    assert b"it hangs" not in {came.stderr for came in under_sshd.values()}


@pytest.mark.parametrize("mode", ["connection"], scope="session")
def test_a_shell_that_waited_opens_them_as_well(server: Server) -> None:
    mark, deadline, waited = server.log_mark(), time.monotonic() + EVENT_SECONDS, False
    with server.master() as on_master:
        while not waited:
            done = server.ssh("cat; cat /dev/stdin; cat /dev/fd/0", options=on_master, stdin=b"typed")
            assert (done.stdout, done.returncode) == (b"typed", 0)
            waited = "event=shell_became_program" in server.log[mark:]
            assert waited or time.monotonic() < deadline
