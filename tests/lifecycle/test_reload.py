"""SIGHUP: new connections get what the files say, those that are there notice nothing."""

from __future__ import annotations

import os
import pty
import re
import signal
import sys
import threading
from pathlib import Path
from typing import Any

import asyncssh
import bcrypt
import psutil
import pytest
from support.clients import clients
from support.gateway import Gateway, StartGateway, wait_until
from support.server import READY_SECONDS, USER

pytestmark = pytest.mark.engine

RELOADED = r"event=reloaded"
REFUSED = r"event=reload_refused (.*)"
SIGHUP_BIT = 1 << (signal.SIGHUP - 1)


def change(gateway: Gateway, *path: str, to: Any) -> None:
    """Write another value of a key to the configuration file."""
    section = gateway.settings
    for part in path[:-1]:
        section = section.setdefault(part, {})
    section[path[-1]] = to
    gateway.write_settings()


def hang_up(gateway: Gateway, outcome: str = RELOADED) -> str:
    """Have it reload, and wait for the outcome."""
    mark = gateway.log_mark()
    gateway.signal(signal.SIGHUP)
    return gateway.wait_for_log(f"{outcome}.*\n", since=mark)[0]


def new_host_key(gateway: Gateway) -> tuple[asyncssh.SSHKey, Path]:
    key = asyncssh.generate_private_key("ssh-ed25519")
    path = gateway.folder / "another_host_key"
    path.write_bytes(key.export_private_key())
    path.chmod(0o600)
    return key, path


def hang_up_once_it_is_blocked() -> None:
    """Send SIGHUP to the server that is being started, before it can have its own handler."""
    found: list[psutil.Process] = []
    wait_until(lambda: found.extend(filter(_blocks_hangups, psutil.Process().children())) or found, READY_SECONDS)
    found[0].send_signal(signal.SIGHUP)


def _blocks_hangups(process: psutil.Process) -> bool:
    status = Path(f"/proc/{process.pid}/status").read_text()
    blocked = re.search(r"^SigBlk:\s*(\w+)$", status, re.MULTILINE)
    # Nothing else: a process that is about to become another blocks all for a moment.
    return blocked is not None and int(blocked[1], 16) == SIGHUP_BIT


def _password_file(gateway: Gateway) -> Path:
    hashed = bcrypt.hashpw(b"wonderland", bcrypt.gensalt(4)).decode()
    path = gateway.folder / "htpasswd"
    path.write_text(f"{USER}:{hashed}\n")
    path.chmod(0o600)
    return path


def reloads(gateway: Gateway, result: str) -> float:
    return gateway.metric("sshore_reloads_total", result=result)


async def test_a_connection_keeps_its_configuration_and_the_next_has_the_new_one(start_gateway: StartGateway) -> None:
    gateway = start_gateway("session")
    say = "echo $WHICH"
    change(gateway, "docker", "execution", "container", "Env", to=["WHICH=old"])
    hang_up(gateway)
    async with gateway.connect() as old:
        change(gateway, "docker", "execution", "container", "Env", to=["WHICH=new"])
        hang_up(gateway)
        async with gateway.connect() as new:
            assert (await new.run(say)).stdout == "new\n"
        assert (await old.run(say)).stdout == "old\n"
    assert reloads(gateway, "success") == 2


async def test_another_host_key_is_shown_to_newcomers_and_the_old_one_goes_on(start_gateway: StartGateway) -> None:
    gateway = start_gateway("connection")
    # So small that each run exchanges keys again.
    async with gateway.connect(rekey_bytes=1000) as old:
        key, path = new_host_key(gateway)
        change(gateway, "ssh", "hostkeys", to=[str(path)])
        hang_up(gateway)
        with pytest.raises(asyncssh.HostKeyNotVerifiable):
            await gateway.connect()
        async with gateway.connect(known_hosts=([key.convert_to_public()], [], [])) as new:
            assert (await new.run("echo new")).stdout == "new\n"
        for _ in range(3):
            assert len((await old.run("head -c 5000 /dev/zero | tr '\\0' x")).stdout) == 5000


async def test_who_may_log_in_and_what_he_reads_before_is_reloaded(start_gateway: StartGateway) -> None:
    gateway = start_gateway("connection")
    gateway.settings["auth"] = {"passwords": str(_password_file(gateway))}
    change(gateway, "ssh", "banner", to="Today is another day.\n")
    hang_up(gateway)
    told = gateway.ssh("true")
    assert told.returncode == 255
    assert b"Today is another day." in told.stderr
    async with gateway.connect(client_keys=None, password="wonderland") as connection:
        assert (await connection.run("echo in")).stdout == "in\n"


def test_who_is_there_is_counted_by_the_new_limits(start_gateway: StartGateway) -> None:
    gateway = start_gateway("connection")
    with clients(gateway, 1, "echo ready; read -r line") as sessions:
        sessions[0].expect("ready")
        change(gateway, "limits", to={"maxConnections": 1})
        hang_up(gateway)
        assert b"TOO_MANY_CONNECTIONS" in gateway.ssh("true").stderr
        change(gateway, "limits", to={"maxConnections": 2, "maxSessionsPerUser": 1, "sessionWait": 0})
        hang_up(gateway)
        refused = gateway.ssh("true", options=["-v"]).stderr
        assert b"TOO_MANY_SESSIONS" in refused
        change(gateway, "limits", to={"maxSessionsPerUser": 2})
        hang_up(gateway)
        assert gateway.ssh("true").returncode == 0
        sessions[0].type("on")
        assert sessions[0].wait() == 0


def test_another_level_of_the_log_is_in_force_everywhere(start_gateway: StartGateway) -> None:
    gateway = start_gateway("connection")
    change(gateway, "log", "level", to="debug")
    hang_up(gateway)
    mark = gateway.log_mark()
    assert gateway.ssh("true").returncode == 0
    gateway.wait_for_log("level=debug", since=mark)
    change(gateway, "log", to={"level": "info", "format": "json"})
    hang_up(gateway, '"event": "reloaded"')
    mark = gateway.log_mark()
    assert gateway.ssh("true").returncode == 0
    gateway.wait_for_log('"event": "disconnected"', since=mark)
    assert "debug" not in gateway.log[mark:]


@pytest.mark.parametrize(
    ("path", "value", "key", "reason"),
    [
        (("ssh", "baner"), "hello", "ssh.baner", "unknown key"),
        (("limits", "maxSessions"), "many", "limits.maxSessions", "expected a whole number"),
        (("ssh", "hostkeys"), ["/nowhere/key"], r"ssh.hostkeys\[0\]", "/nowhere/key.*: No such file"),
        (("auth",), {}, "auth", "nobody could log in"),
    ],
)
def test_a_wrong_configuration_is_refused_as_a_whole(
    start_gateway: StartGateway, path: tuple[str, ...], value: object, key: str, reason: str
) -> None:
    gateway = start_gateway("connection")
    change(gateway, "docker", "execution", "disableCommand", to=True)
    change(gateway, *path, to=value)
    assert re.search(rf'key="?{key}"? .*{reason}', hang_up(gateway, REFUSED))
    assert gateway.ssh("echo still").stdout == b"still\n"
    assert (reloads(gateway, "failure"), reloads(gateway, "success")) == (1, 0)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda path: path.chmod(0o644), "is open to others"),
        (lambda path: path.write_text("no key"), "is not a private key"),
    ],
    ids=["open to others", "no key"],
)
def test_a_host_key_that_cannot_be_used_is_refused_with_all_the_rest(
    start_gateway: StartGateway, spoil: Any, reason: str
) -> None:
    gateway = start_gateway("connection")
    _, path = new_host_key(gateway)
    spoil(path)
    change(gateway, "docker", "execution", "disableCommand", to=True)
    change(gateway, "ssh", "hostkeys", to=[str(path)])
    assert re.search(rf"key=ssh\.hostkeys\[0\] line=1 .*{reason}", hang_up(gateway, REFUSED))
    assert gateway.ssh("echo still").stdout == b"still\n"


def test_keys_that_need_a_restart_are_named_and_keep_their_value(start_gateway: StartGateway) -> None:
    gateway = start_gateway("connection")
    before = gateway.log_mark()
    change(gateway, "ssh", "listen", to="127.0.0.1:1")
    change(gateway, "metrics", "path", to="/elsewhere")
    change(gateway, "docker", "connection", "host", to="unix:///nowhere.sock")
    change(gateway, "docker", "execution", "disableCommand", to=True)
    hang_up(gateway)
    named = re.findall(r"event=reload_needs_restart key=(\S+)", gateway.log[before:])
    assert named == ["ssh.listen", "metrics.path", "docker.connection.host"]
    assert b"EXEC_DISABLED" in gateway.ssh("true").stderr
    assert reloads(gateway, "success") == 1


def test_many_signals_at_once_end_with_the_newest_configuration(start_gateway: StartGateway) -> None:
    gateway = start_gateway("connection")
    for number in range(30):
        change(gateway, "ssh", "banner", to=f"version {number}\n")
        gateway.signal(signal.SIGHUP)
    wait_until(lambda: b"version 29" in gateway.ssh("true").stderr)
    assert reloads(gateway, "failure") == 0
    assert gateway.alive


def test_a_signal_during_the_start_is_a_reload_behind_it(start_gateway: StartGateway) -> None:
    sender = threading.Thread(target=hang_up_once_it_is_blocked)
    sender.start()
    gateway = start_gateway("connection")
    sender.join()
    gateway.wait_for_log(RELOADED)
    assert gateway.ssh("echo served").stdout == b"served\n"


def test_reloads_leave_nothing_behind(start_gateway: StartGateway) -> None:
    gateway = start_gateway("connection")
    gateway.settings["auth"]["passwords"] = str(_password_file(gateway))
    for _ in range(2):
        hang_up(gateway)
        assert gateway.ssh("true").returncode == 0
    before = gateway.resources()
    for _ in range(10):
        hang_up(gateway)
    assert gateway.ssh("true").returncode == 0
    gateway.await_resources(before)


def test_the_end_of_the_terminal_is_no_reload_but_a_stop(start_gateway: StartGateway) -> None:
    window, terminal = pty.openpty()
    take = "import os, sys; os.open(sys.argv[1], os.O_RDWR); os.execvp(sys.argv[2], sys.argv[2:])"
    gateway = start_gateway("connection", wrapper=[sys.executable, "-c", take, os.ttyname(terminal)])
    os.close(terminal)
    hang_up(gateway)
    mark = gateway.log_mark()
    os.close(window)
    assert gateway.wait() == 0
    assert "signal=SIGHUP" in gateway.log[mark:]


def test_a_reload_that_hangs_does_not_keep_the_server_from_stopping(start_gateway: StartGateway) -> None:
    gateway = start_gateway("connection")
    file = gateway.folder / "config.json"
    file.unlink()
    os.mkfifo(file)
    gateway.signal(signal.SIGHUP)
    assert gateway.ssh("echo served").stdout == b"served\n"
    gateway.stop()
