"""Named pipes: what a user meets on them, in both modes, and what he cannot do to them."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.gateway import wait_until
from support.pool_switch import COLD
from support.server import Server, Serving

pytestmark = [pytest.mark.engine, pytest.mark.timeout(180)]

MIB = 1024 * 1024
CARRIER = "for fd in 0 1 2; do readlink /proc/self/fd/$fd; done"
"""A named pipe has a path, a pipe of the engine's is `pipe:[…]`."""
HIDDEN = ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs none /mnt && exec "$@"', "sh"]
"""Has a gateway's own mount namespace, whose /mnt the engine does not see into."""


@pytest.fixture(scope="module")
def piped(mode: str, serving: Serving) -> Iterator[Server]:
    """A server in each of the modes that uses named pipes or refuses."""
    with serving({"mode": mode, "pipes": "on", **COLD}) as started:
        yield started


def own_directory(server: Server) -> Path:
    """Return the gateway's directory of pipes."""
    (found,) = (path for path in (server.state / "pipes").iterdir() if path.name.endswith(server.gateway))
    return found


def test_a_program_is_on_named_pipes(piped: Server) -> None:
    lines = piped.ssh(CARRIER).stdout.decode().splitlines()
    assert [line.startswith("/run/sshore/") for line in lines] == [True] * 3


def test_a_terminal_is_not(piped: Server) -> None:
    assert piped.ssh("readlink /proc/self/fd/1", options=["-tt"]).stdout.startswith(b"/dev/pts/")


def test_stdin_stdout_stderr_and_status_arrive_to_the_byte(piped: Server) -> None:
    sent = os.urandom(300_001)
    done = piped.ssh("tee /dev/stderr; exit 42", stdin=sent)
    assert (done.stdout == sent, done.stderr == sent, done.returncode) == (True, True, 42)


def test_what_a_program_leaves_of_its_stdin_is_there_for_the_next(piped: Server) -> None:
    done = piped.ssh("read -r a; head -c 3; echo; cat", stdin=b"one\ntwothree")
    assert done.stdout == b"two\nthree"


def test_ends_are_exact_in_both_directions(piped: Server) -> None:
    with subprocess.Popen(
        piped.ssh_argv("echo a; exec >&-; cat >/dev/null; echo b >&2; exec 2>&-; sleep 0.3; exit 5"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as client:
        assert client.stdin is not None
        assert client.stdout is not None
        assert client.stderr is not None
        assert client.stdout.readline() == b"a\n"
        client.stdin.close()
        assert client.stderr.read() == b"b\n"
    assert client.returncode == 5


def test_an_empty_stdin_does_not_cut_the_output(piped: Server) -> None:
    assert piped.ssh("cat; sleep 0.2; echo done", stdin=b"").stdout == b"done\n"


def test_a_program_that_reads_nothing_gets_rid_of_a_client_that_writes(piped: Server) -> None:
    done = piped.ssh("echo hi; exit 3", stdin=bytes(4 * MIB))
    assert (done.stdout, done.returncode) == (b"hi\n", 3)


def test_much_goes_both_ways_at_once_unchanged(piped: Server) -> None:
    size = 100 * MIB
    block = os.urandom(MIB)
    sent = hashlib.sha256(block * 100).hexdigest()
    received, count = hashlib.sha256(), 0
    with subprocess.Popen(piped.ssh_argv("cat"), stdin=subprocess.PIPE, stdout=subprocess.PIPE) as client:
        assert client.stdin is not None
        assert client.stdout is not None
        if (writer := os.fork()) == 0:
            with contextlib.suppress(BaseException):
                for _ in range(100):
                    client.stdin.write(block)
            client.stdin.close()
            os._exit(0)
        client.stdin.close()
        while data := client.stdout.read(MIB):
            received.update(data)
            count += len(data)
        os.waitpid(writer, 0)
    assert (count, received.hexdigest(), client.returncode) == (size, sent, 0)


def test_the_end_of_the_output_waits_for_a_client_that_does_not_read(piped: Server) -> None:
    with subprocess.Popen(
        piped.ssh_argv("head -c 8000000 /dev/zero; echo end >&2; exit 4"),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as client:
        assert client.stdout is not None
        time.sleep(4)  # longer than the three seconds that what is left behind is given
        assert len(client.stdout.read()) == 8_000_000
    assert client.returncode == 4


def test_a_user_can_fill_replace_and_remove_nothing(piped: Server) -> None:
    attempts = "cd /run/sshore && touch new; mkfifo new; mkdir new; mv . away; rm -rf /run/sshore/*; ls -A /run/sshore"
    own_names_gone = 'until [ -z "$(ls -A /run/sshore)" ]; do sleep 0.01; done'
    done = piped.ssh(
        f"{own_names_gone}; {attempts}; umount /run/sshore; mount -o remount,rw /run/sshore; touch /run/sshore/x; true"
    )
    assert all(re.fullmatch(rb"[0-9a-f]{32}\.order", name) for name in done.stdout.split())
    assert done.stderr.count(b"Read-only file system") >= 4
    assert not any(path.name == "x" for path in own_directory(piped).rglob("*"))


def test_nobody_else_on_the_host_gets_in_and_an_open_session_leaves_no_name(piped: Server) -> None:
    with subprocess.Popen(piped.ssh_argv("cat"), stdin=subprocess.PIPE, stdout=subprocess.PIPE) as client:
        assert client.stdin is not None
        assert client.stdout is not None
        client.stdin.write(b"x")
        client.stdin.flush()
        assert client.stdout.read(1) == b"x"
        own = own_directory(piped)
        assert own.stat().st_mode & 0o077 == 0
        (container,) = own.iterdir()
        assert {path.suffix for path in container.iterdir()} <= {".order"}, "but for those of shells that wait"
        client.stdin.close()
    wait_until(lambda: not list(own.iterdir()))


def test_another_container_sees_nothing_of_it(piped: Server) -> None:
    mount = "grep -o '[^ ]* /run/sshore ' /proc/self/mountinfo"
    with subprocess.Popen(piped.ssh_argv(f"{mount}; cat"), stdin=subprocess.PIPE, stdout=subprocess.PIPE) as client:
        assert client.stdout is not None
        one = client.stdout.readline()
        [other] = piped.ssh(mount).stdout.splitlines(keepends=True)
        assert one.endswith(b" /run/sshore \n")
        assert one != other
        client.kill()


@pytest.mark.parametrize("user", ["1000:1000", "nobody"])
def test_a_program_of_another_user_is_on_named_pipes(user: str, mode: str, serving: Serving, guest_image: str) -> None:
    container = {"Image": guest_image, "User": user}
    with serving({"mode": mode, "pipes": "on", "container": container}) as server:
        done = server.ssh(f"{CARRIER}; echo again >/dev/stderr; cat", stdin=b"typed")
    assert done.stdout.count(b"/run/sshore/") == 3
    assert done.stdout.endswith(b"typed")
    assert done.stderr == b"again\n"


def test_where_the_directory_is_not_shared_the_engine_carries_all(
    mode: str, serving: Serving, engine_host: str
) -> None:
    with serving({"mode": mode, "pipesDirectory": "/mnt/pipes"}, wrapper=HIDDEN) as server:
        for _ in range(2):
            done = server.ssh(f"{CARRIER}; cat; exit 9", stdin=b"typed")
            assert done.stdout.count(b"pipe:[") == 3
            assert done.stdout.endswith(b"typed")
            assert done.returncode == 9
        assert server.log.count("event=named_pipes_not_used") == 1


def test_where_it_has_to_be_shared_and_is_not_a_user_is_refused(mode: str, serving: Serving) -> None:
    execution = {"mode": mode, "pipes": "on", "pipesDirectory": "/mnt/pipes"}
    with serving(execution, wrapper=HIDDEN) as server:
        done = server.ssh("true")
    assert done.returncode == 255
    assert b"CONTAINER_CREATE_FAILED" in done.stderr


def test_without_pipes_the_engine_carries_all(mode: str, serving: Serving) -> None:
    with serving({"mode": mode, "pipes": "off", "primed": False}) as server:
        done = server.ssh(f"{CARRIER}; ls /run/sshore")
        assert not (server.state / "pipes").exists()
    assert done.stdout.count(b"pipe:[") == 3
    assert done.returncode == 2


def test_a_killed_gateways_directories_go_with_the_next_start(mode: str, serving: Serving) -> None:
    with serving({"mode": mode, "pipes": "on"}) as server:
        with subprocess.Popen(server.ssh_argv("echo; cat"), stdin=subprocess.PIPE, stdout=subprocess.PIPE) as client:
            assert client.stdout is not None
            client.stdout.readline()
            left = own_directory(server)
            os.kill(server.pid, signal.SIGKILL)
            client.communicate()
        assert left.exists()
        server.start()
        wait_until(lambda: not left.exists())
    assert list((server.state / "pipes").iterdir()) == []
