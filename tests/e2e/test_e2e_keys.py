"""What the options in front of a key do to real sessions."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.server import Server

pytestmark = pytest.mark.engine


def login(server: Server, user: str, options: str) -> list[str]:
    """Let a user in by a key with these options; return the client's options for him."""
    server.authorize(user, options)
    return ["-o", f"User={user}"]


def test_a_forced_command_replaces_any_command(server: Server) -> None:
    who = login(server, "forced", 'command="echo forced; echo \\"asked: $SSH_ORIGINAL_COMMAND\\"; exit 5"')

    done = server.ssh("echo wanted; exit 0", options=who)
    assert (done.returncode, done.stdout) == (5, b"forced\nasked: echo wanted; exit 0\n")


def test_a_forced_command_replaces_the_shell(server: Server) -> None:
    who = login(server, "forced", 'command="echo forced; cat"')

    done = server.ssh(options=who, stdin=b"echo from the shell\n")
    assert (done.returncode, done.stdout) == (0, b"forced\necho from the shell\n")


def test_a_forced_command_replaces_subsystems(server: Server, local: Path) -> None:
    who = login(server, "forced", 'command="echo this is not sftp"')

    done = server.run(["sftp", *server.ssh_options, *who, "-b", "-", "sshore"], stdin=b"ls\n")
    assert done.returncode == 255


def test_a_forced_command_can_be_an_sftp_server(server: Server, shared_folder: str, local: Path) -> None:
    who = login(server, "forced", f'command="/usr/lib/openssh/sftp-server -d {shared_folder}"')

    batch = f"put {local}/data here\nget here {local}/back\n".encode()
    done = server.run(["sftp", *server.ssh_options, *who, "-b", "-", "sshore"], stdin=batch)
    assert done.returncode == 0, done.stderr
    assert (local / "back").read_bytes() == (local / "data").read_bytes()


@pytest.mark.parametrize("option", ["no-pty", "restrict"])
def test_a_key_without_a_terminal_gets_none(server: Server, option: str) -> None:
    who = login(server, "restricted", option)

    done = server.ssh("echo no terminal, no program", options=[*who, "-tt"])
    assert (done.returncode, done.stdout) == (255, b"")
    assert b"PTY allocation request failed" in done.stderr
    assert server.ssh("[ -t 0 ] || echo none", options=who).stdout == b"none\n"


def test_a_restricted_key_may_be_given_a_terminal(server: Server) -> None:
    who = login(server, "restricted", "restrict,pty")

    assert server.ssh("[ -t 0 ] && echo terminal", options=[*who, "-tt"]).stdout == b"terminal\r\n"


def test_the_keys_environment_is_set_and_wins_over_the_clients(server: Server) -> None:
    who = login(server, "equipped", 'environment="COLOUR=dark green",environment="SIZE=9"')

    done = server.ssh('echo "$COLOUR|$SIZE|$OWN"', options=[*who, "-o", "SetEnv=COLOUR=red OWN=mine"])
    assert done.stdout == b"dark green|9|mine\n"


def test_the_client_cannot_say_where_he_comes_from(server: Server) -> None:
    done = server.ssh('echo "$SSH_CLIENT|$SSH_CONNECTION"', options=["-o", "SetEnv=SSH_CLIENT=me SSH_CONNECTION=me"])

    assert done.stdout.startswith(b"127.0.0.1 ")
    assert b"me" not in done.stdout


@pytest.mark.parametrize("options", ['expiry-time="20200101"', 'from="192.0.2.0/24"', "no-such-option", 'tunnel="0"'])
def test_a_key_that_may_not_be_used_is_a_wrong_key(server: Server, options: str) -> None:
    mark = server.log_mark()
    done = server.ssh("true", options=login(server, "late", options))

    assert done.returncode == 255
    assert b"Permission denied (publickey)" in done.stderr
    server.wait_for_log(r"event=authorized_key_refused", since=mark)


def test_a_key_file_that_others_may_write_lets_nobody_in(server: Server) -> None:
    who = login(server, "careless", "")
    (server.folder / "keys" / "careless").chmod(0o666)

    assert server.ssh("true", options=who).returncode == 255
