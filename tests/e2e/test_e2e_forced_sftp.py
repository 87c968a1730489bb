"""A key whose command is sshd's own sftp: sftp with the image's program, and nothing else. sshd runs beside."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from support.own_sshd import OwnSshd, own_sshd
from support.server import Server

pytestmark = pytest.mark.engine

Done = subprocess.CompletedProcess[bytes]
Client = Callable[..., Done]
FORCED = 'command="internal-sftp"'
READ_ONLY = 'command="internal-sftp -R"'


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnSshd]:
    with own_sshd(tmp_path_factory.mktemp("sshd"), "Subsystem sftp internal-sftp\n") as server:
        yield server


@pytest.fixture(params=["sshore", "sshd"])
def forced(request: pytest.FixtureRequest, server: Server, sshd: OwnSshd) -> Iterator[Client]:
    """Runs `ssh` or `sftp` with a key that has these options."""
    if request.param == "sshore":

        def at_sshore(options: str, program: str, *words: str, stdin: bytes = b"") -> Done:
            server.authorize("sftponly", options)
            argv = [program, *server.ssh_options, "-o", "User=sftponly", *words]
            return server.run([word.replace("HOST", "sshore") for word in argv], stdin=stdin)

        yield at_sshore
        return
    keys = Path(sshd.path.partition(":")[0]).parent / "user_key.pub"
    plain = keys.read_text()

    def at_sshd(options: str, program: str, *words: str, stdin: bytes = b"") -> Done:
        keys.write_text(f"{options} {plain}")
        config = ["-F", str(keys.parent / "ssh_config"), "-o", f"Port={sshd.port}"]
        argv = [shutil.which(program) or program, *config, *(word.replace("HOST", "127.0.0.1") for word in words)]
        return subprocess.run(argv, input=stdin, capture_output=True, timeout=30, check=False)

    yield at_sshd
    keys.write_text(plain)


def test_sftp_works(forced: Client) -> None:
    done = forced(FORCED, "sftp", "-b", "-", "HOST", stdin=b"ls /etc/passwd\n")
    assert done.returncode == 0, done.stderr
    assert b"/etc/passwd\n" in done.stdout


def test_its_options_hold(forced: Client, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_text("x")
    done = forced(READ_ONLY, "sftp", "-b", "-", "HOST", stdin=f"put {source} /tmp/never\n".encode())
    assert done.returncode == 1
    assert b"ermission denied" in done.stderr
    assert forced(READ_ONLY, "sftp", "-b", "-", "HOST", stdin=b"ls /etc/passwd\n").returncode == 0


@pytest.mark.parametrize("command", [("id",), ()], ids=["a command", "a shell"])
def test_nothing_else_does(forced: Client, command: tuple[str, ...]) -> None:
    done = forced(FORCED, "ssh", "-T", "HOST", *command)
    assert done.returncode == 1
    assert b"sftp" in done.stdout + done.stderr
    assert b"uid=" not in done.stdout


def test_a_configured_program_is_the_one_that_runs(
    serving: Callable[..., AbstractContextManager[Server]], mode: str
) -> None:
    subsystems = {"sftp": "/usr/bin/env echo said"}
    with serving({"mode": mode, "subsystems": subsystems}) as server:
        server.authorize("sftponly", 'command="internal-sftp -d /a$b"')
        done = server.ssh("sftp", options=["-o", "User=sftponly", "-s"])
        assert done.stdout == b"said -d /a$b\n", done.stderr


def test_it_may_be_configured_as_in_sshd_config(
    serving: Callable[..., AbstractContextManager[Server]], mode: str
) -> None:
    with serving({"mode": mode, "subsystems": {"sftp": "internal-sftp -R"}}) as server:
        done = server.run(
            ["sftp", *server.ssh_options, "-b", "-", "sshore"], stdin=b"ls /etc/passwd\nmkdir /tmp/never\n"
        )
        assert b"/etc/passwd\n" in done.stdout
        assert done.returncode == 1
