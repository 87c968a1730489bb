"""Containers that wait: users get them one after the other, and nobody anything of another."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest
from docker import DockerClient
from support.allowing_proxy import AllowingProxy, Call, listed_calls
from support.gateway import wait_until
from support.leftovers import await_none_but, sshore_containers
from support.server import EVENT_SECONDS, Server, Serving

pytestmark = pytest.mark.engine

SIZE = 2
RENAME = Call("POST", "/containers/*/rename")


@pytest.fixture(scope="module")
def server(serving: Serving) -> Iterator[Server]:
    with serving({"host": {"NetworkMode": "none"}, "pool": {"size": SIZE}}) as started:
        started.authorize("bob")
        yield started


@pytest.fixture
def full(server: Server, docker_client: DockerClient) -> Server:
    """The server, with a full pool and nobody there."""
    wait_until(lambda: len(waiting(server)) == len(there(server, docker_client)) == SIZE)
    return server


def there(server: Server, client: DockerClient) -> list[str]:
    rows = client.api.containers(all=True, filters={"label": f"sshore.gateway={server.gateway}"})
    return [(row["Names"] or [row["Id"]])[0].removeprefix("/") for row in rows]


def waiting(server: Server) -> list[str]:
    """Who waits, as the log has it; what the engine lists may still start."""
    filled = re.findall(r"event=pool_filled .*?container=(\S+)", server.log)
    gone = re.findall(r"(?:pooled=|event=pool_container_dropped .*?container=)(\S+)", server.log)
    return [name for name in filled if name not in gone]


def left(server: Server, client: DockerClient, seconds: float) -> dict[str, str]:
    """What the guard behind every test would find of this server's."""
    labels = {"sshore.gateway": server.gateway}
    return await_none_but(client, (), seconds, labels, handed_out=Server.handed_out_by_all)


def listed(server: Server) -> str:
    ps = [sys.executable, "-m", "sshore", "ps", "--config", str(server.folder / "config.json")]
    return subprocess.run(ps, check=True, capture_output=True, text=True, timeout=30).stdout


def test_one_that_a_user_has_is_none_that_waits_to_the_guard_of_these_tests(
    full: Server, docker_client: DockerClient
) -> None:
    rows = docker_client.api.containers(filters={"label": f"sshore.gateway={full.gateway}"})
    ids = {row["Names"][0].removeprefix("/"): row["Id"] for row in rows}
    assert left(full, docker_client, 0) == {}
    mark = full.log_mark()
    with full.master():
        name = full.wait_for_log(r"pooled=(\S+)", since=mark)[1]
        # Before the engine knows its other name, too.
        assert left(full, docker_client, 0).keys() == {ids[name]}
    assert left(full, docker_client, EVENT_SECONDS) == {}


def test_users_one_after_the_other_never_see_what_another_left(full: Server) -> None:
    mark = full.log_mark()
    hosts = set()
    for user in ("demo", "bob") * SIZE:
        look = full.ssh(
            "hostname; ls /tmp/mine; echo $$ >/tmp/mine; (sleep 1000 >/dev/null 2>&1 &); echo $USER",
            options=["-l", user],
        )
        host, name = look.stdout.split()
        assert b"No such file" in look.stderr
        hosts.add(host)
        assert name == b"root"
    assert len(hosts) == 2 * SIZE
    assert "container_taken" in full.log[mark:]


def test_the_name_ps_and_the_log_say_who_has_it(full: Server, docker_client: DockerClient) -> None:
    before = waiting(full)
    with subprocess.Popen(
        full.ssh_argv("echo on; read x", options=["-l", "bob"]), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as user:
        assert user.stdout is not None
        assert user.stdout.readline() == b"on\n"
        wait_until(lambda: any(name.startswith("sshore-bob-") for name in there(full, docker_client)))
        [name] = [name for name in there(full, docker_client) if name.startswith("sshore-bob-")]
        row = next(line.split() for line in listed(full).splitlines() if name in line)
        assert row[:2] == ["bob", name]
        taken = full.wait_for_log(rf"event=container_taken .*user=bob container={name} .*pooled=(\S+)")
        assert taken[1] in before
        wait_until(lambda: len(waiting(full)) == SIZE)
        rows = listed(full).splitlines()
        assert all(any("(waiting)" in row and one in row for row in rows) for one in waiting(full))
        user.communicate(b"\n", timeout=30)
    wait_until(lambda: name not in there(full, docker_client))


def test_one_that_somebody_removed_is_replaced_and_never_handed_out(full: Server, docker_client: DockerClient) -> None:
    mark = full.log_mark()
    for name in waiting(full):
        docker_client.api.remove_container(name, force=True)
    full.wait_for_log("event=pool_container_dropped .*reason=died", since=mark)
    assert full.ssh("exit 7").returncode == 7
    wait_until(lambda: len(waiting(full)) == SIZE)


def test_everything_works_in_a_container_that_waited(full: Server) -> None:
    assert full.ssh("cat", stdin=b"in").stdout == b"in"
    assert full.ssh("kill -9 $$").returncode == 137
    assert b"/dev/pts/" in full.ssh("tty", options=["-tt"]).stdout
    with full.master() as options:
        for number in range(3):
            assert full.ssh(f"exit {number}", options=options).returncode == number


def test_a_users_first_program_is_a_shell_that_waited(serving: Serving) -> None:
    with serving({"host": {"NetworkMode": "none"}, "pool": {"size": 1}}, log_level="debug") as started:
        wait_until(lambda: len(waiting(started)) == 1)
        assert started.ssh("echo hi").stdout == b"hi\n"
        assert "event=shell_became_program" in started.log
        wait_until(lambda: len(waiting(started)) == 1)
        assert b"/dev/pts/" in started.ssh("tty", options=["-tt"]).stdout
        assert len(re.findall("event=shell_became_program", started.log)) == 2


def test_a_stop_leaves_none_that_waited(serving: Serving, docker_client: DockerClient) -> None:
    with serving({"host": {"NetworkMode": "none"}, "pool": {"size": SIZE}}) as started:
        wait_until(lambda: len(waiting(started)) == SIZE)
        ours = {"sshore.gateway": started.gateway}
    assert sshore_containers(docker_client, ours) == {}


def test_a_reload_replaces_them(serving: Serving) -> None:
    with serving({"host": {"NetworkMode": "none"}, "pool": {"size": 1}}) as started:
        wait_until(lambda: len(waiting(started)) == 1)
        before = waiting(started)
        started.settings["docker"]["execution"]["container"]["Env"] = ["WHICH=second"]
        started.write_settings()
        os.kill(started.pid, signal.SIGHUP)
        wait_until(lambda: len(waiting(started)) == 1 and waiting(started) != before)
        assert started.ssh("echo $WHICH").stdout == b"second\n"
        started.wait_for_log("event=container_taken")


def test_a_pool_needs_one_call_more_of_a_socket_proxy(serving: Serving, engine_host: str) -> None:
    calls = {call for call, mode in listed_calls().items() if mode in ("both", "connection", "pool")}
    with AllowingProxy(engine_host, calls) as proxy:
        execution = {"host": {"NetworkMode": "none"}, "pool": {"size": 1}}
        with serving(execution, host=proxy.host) as server:
            wait_until(lambda: len(waiting(server)) == 1)
            assert server.ssh("sleep 1").returncode == 0
    assert RENAME in proxy.made
    assert proxy.refused == []
