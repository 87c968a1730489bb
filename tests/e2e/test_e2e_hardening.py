"""What programs are denied by default, in the container's main process and in execs, and how an operator gives it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from support.engines import EngineAtHand
from support.server import Server, Serving

pytestmark = pytest.mark.engine

STATUS = "grep -E '^(NoNewPrivs|CapBnd|CapEff):' /proc/self/status"
KEPT = "CHOWN DAC_OVERRIDE FOWNER FSETID KILL SETGID SETUID NET_BIND_SERVICE"
# capability.h
BITS = {
    "CHOWN": 0,
    "DAC_OVERRIDE": 1,
    "FOWNER": 3,
    "FSETID": 4,
    "KILL": 5,
    "SETGID": 6,
    "SETUID": 7,
    "NET_BIND_SERVICE": 10,
    "NET_RAW": 13,
    "SYS_CHROOT": 18,
}


def mask(names: str) -> int:
    return sum(1 << BITS[name] for name in names.split())


def status(server: Server) -> dict[str, int]:
    """What the kernel says of a program that ssh starts, in numbers."""
    said = server.ssh(STATUS).stdout.decode()
    return {name: int(value, 16) for name, value in re.findall(r"(\w+):\s+(\w+)", said)}


def test_a_program_gets_no_new_privileges_and_what_a_shell_needs(server: Server) -> None:
    assert status(server) == {"NoNewPrivs": 1, "CapBnd": mask(KEPT), "CapEff": mask(KEPT)}


def test_so_does_a_login_shell_on_a_terminal(server: Server) -> None:
    done = server.ssh(options=["-tt"], stdin=f"{STATUS}; exit\n".encode())
    assert re.search(rb"NoNewPrivs:\s+1\b", done.stdout)
    assert re.search(rb"CapBnd:\s+%016x" % mask(KEPT), done.stdout)


def test_root_does_what_root_of_a_container_does(server: Server) -> None:
    steps = (
        "set -e; cd /tmp; mkdir t; touch t/f; chown 1:1 t/f; tar cf t.tar t; rm -r t; tar xpf t.tar",
        'test "$(stat -c %u t/f)" = 1; chmod 600 t/f; cat t/f',
        'su -s /bin/sh sshore -c id; setpriv --reuid 1000 --regid 1000 --clear-groups sh -c "sleep 60" & kill $!',
        "useradd -m bob; echo bob:secret | chpasswd; apt-get -s install bash",
        "mkdir -p p/DEBIAN p/opt; touch p/opt/f; chown 1000:1000 p/opt/f; chmod 2755 p/opt/f",
        'printf "Package: zz\\nVersion: 1\\nArchitecture: all\\nMaintainer: a <a@b>\\n" >p/DEBIAN/control',
        'echo "Description: x" >>p/DEBIAN/control',
        "dpkg-deb -b p z.deb; dpkg -i z.deb; stat -c %a:%u /opt/f",
    )
    done = server.ssh("; ".join(steps))
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, b"2755:1000"), done.stderr


def test_a_set_user_id_program_gives_nothing(mode: str, serving: Serving, guest_image: str) -> None:
    with serving({"mode": mode, "container": {"Image": guest_image, "User": "1000"}}) as server:
        done = server.ssh("ls -l /bin/su; echo | su -c id")
        assert b"-rwsr" in done.stdout
        assert b"uid=0" not in done.stdout
        assert done.returncode != 0
        assert status(server) == {"NoNewPrivs": 1, "CapBnd": mask(KEPT), "CapEff": 0}


@pytest.mark.parametrize(
    ("host", "more", "no_new"),
    [
        ({"CapAdd": ["NET_RAW"]}, "NET_RAW", 1),
        ({"CapAdd": ["cap_sys_chroot"], "SecurityOpt": ["no-new-privileges:false"]}, "SYS_CHROOT", 0),
    ],
    ids=["a capability", "a capability and new privileges"],
)
def test_an_operator_gives_back_what_he_names(
    mode: str, serving: Serving, host: dict[str, Any], more: str, no_new: int
) -> None:
    with serving({"mode": mode, "host": host}) as server:
        assert status(server) == {"NoNewPrivs": no_new, "CapBnd": mask(f"{KEPT} {more}")} | {
            "CapEff": mask(f"{KEPT} {more}")
        }


def test_empty_lists_leave_it_to_the_engine(mode: str, serving: Serving) -> None:
    with serving({"mode": mode, "host": {"CapDrop": [], "SecurityOpt": []}}) as server:
        found = status(server)
    assert found["NoNewPrivs"] == 0
    assert found["CapBnd"] & mask("NET_RAW SYS_CHROOT") == mask("NET_RAW SYS_CHROOT")


BOMB = "i=0; while [ $i -lt 400 ]; do sleep 60 & i=$((i+1)); done 2>&1 | grep -m1 -o -i 'fork.*'; echo over"


@pytest.fixture(scope="module")
def narrow(mode: str, serving: Serving) -> Iterator[Server]:
    """A server whose containers have room for a hundred processes: the same limit, sooner reached."""
    with serving({"mode": mode, "host": {"PidsLimit": 100}}) as started:
        yield started


def test_a_fork_bomb_stays_in_its_container(narrow: Server) -> None:
    with narrow.master() as neighbour:
        assert narrow.ssh("echo before", options=neighbour).stdout == b"before\n"
        bomb = narrow.ssh(BOMB)
        assert b"ork" in bomb.stdout + bomb.stderr, bomb
        assert narrow.ssh("echo behind", options=neighbour).stdout == b"behind\n"
    assert narrow.ssh("echo new").stdout == b"new\n"


def test_the_number_of_processes_is_bounded_by_default(server: Server) -> None:
    command = "cat /sys/fs/cgroup/pids.max /sys/fs/cgroup/pids/pids.max 2>/dev/null"
    assert server.ssh(command).stdout == b"1024\n"


@pytest.mark.timeout(300)
def test_podman_takes_it_too(
    mode: str, engine_at: Callable[[str], EngineAtHand], mini_image: str, serving: Serving
) -> None:
    podman = engine_at("podman")
    execution: dict[str, Any] = {"mode": mode, "container": {"Image": podman.bring(mini_image)}}
    with serving(execution, host=podman.connection, client=podman.client) as server:
        found = status(server)
        assert found["NoNewPrivs"] == 1
        assert found["CapBnd"] & mask("NET_RAW SYS_CHROOT") == 0
        assert found["CapBnd"] & mask("KILL CHOWN SETUID") == mask("KILL CHOWN SETUID")
    given = execution | {"host": {"CapAdd": ["NET_RAW"], "SecurityOpt": ["no-new-privileges:false"], "PidsLimit": -1}}
    with serving(given, host=podman.connection, client=podman.client) as server:
        found = status(server)
        assert found["CapBnd"] & mask("NET_RAW SYS_CHROOT") == mask("NET_RAW")
        assert found["NoNewPrivs"] == 0


async def test_without_kill_the_gateway_signals_nobody_elses_programs(serving: Serving, guest_image: str) -> None:
    """Why the page on security tells whoever drops all capabilities to keep this one."""
    # A signal just before a `read` without a time is not seen before that one's end.
    program = 'trap "exit 5" USR1; echo ready; until read -t 0.1 x; do :; done; exit 6'
    for host, ends in (({"CapDrop": ["ALL"]}, False), ({"CapDrop": ["ALL"], "CapAdd": ["KILL"]}, True)):
        section = {"container": {"Image": guest_image, "User": "1000"}, "host": host}
        with serving(section) as server:
            async with server.connect() as connection:
                process = await connection.create_process(program)
                assert await process.stdout.readline() == "ready\n"
                process.send_signal("USR1")
                if not ends:
                    process.stdin.write("\n")
                assert (await process.wait()).exit_status == (5 if ends else 6)
