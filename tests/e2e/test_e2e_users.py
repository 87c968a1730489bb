"""Programs of an unprivileged container user."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.server import Server, Serving

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def server(mode: str, serving: Serving, guest_image: str) -> Iterator[Server]:
    with serving(
        {"mode": mode, "container": {"Image": guest_image, "User": "sshore", "Env": ["SITE=here"]}}
    ) as started:
        yield started


def test_they_have_their_own_login_environment(server: Server) -> None:
    done = server.ssh('pwd; echo "$HOME|$USER|$LOGNAME|$SHELL"; id -un')

    assert done.stdout.decode().splitlines() == ["/home/sshore", "/home/sshore|sshore|sshore|/bin/bash", "sshore"]


def test_the_operators_variables_win_over_the_clients(server: Server) -> None:
    done = server.ssh('echo "$SITE|$OWN"', options=["-o", "SetEnv=SITE=there OWN=mine"])

    assert done.stdout == b"here|mine\n"


async def test_they_get_signals(server: Server) -> None:
    async with server.connect() as connection:
        process = await connection.create_process('trap "exit 5" USR1; echo ready; while :; do sleep 0.05; done')
        assert await process.stdout.readline() == "ready\n"
        process.send_signal("USR1")
        assert (await process.wait()).exit_status == 5


def test_their_terminal_is_theirs(server: Server) -> None:
    done = server.ssh("echo typed >/dev/tty; stat -c %U $(tty)", options=["-tt"])

    assert done.stdout == b"typed\r\nsshore\r\n"


@pytest.mark.parametrize("mode", ["connection"], indirect=True, scope="session")
def test_they_cannot_touch_the_program_that_holds_their_container(server: Server) -> None:
    done = server.ssh(
        "idle=$(cat /proc/1/task/1/children); for signal in KILL STOP TERM; do kill -s $signal 1 $idle; done; "
        "exec 9</proc/${idle% }/fd/0; echo still here"
    )

    assert done.stdout == b"still here\n" or done.returncode != 0
    assert done.stderr.count(b"ermitted") + done.stderr.count(b"ermission denied") == 7
    assert server.ssh("echo on").stdout == b"on\n"
