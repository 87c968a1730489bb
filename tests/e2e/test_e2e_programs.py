"""Commands through the real client: streams, statuses, ends of input and output."""

from __future__ import annotations

import pytest
from support.server import USER, Server

pytestmark = pytest.mark.engine


def test_stdout_and_stderr_stay_apart_and_the_status_is_the_programs(server: Server) -> None:
    done = server.ssh("echo out; echo err >&2; exit 7")

    assert (done.returncode, done.stdout, done.stderr) == (7, b"out\n", b"err\n")


def test_a_command_goes_through_a_shell_however_it_begins(server: Server) -> None:
    done = server.ssh("/bin/cat /etc/passwd | wc -l")

    assert done.returncode == 0
    assert int(done.stdout) > 1


@pytest.mark.parametrize(
    ("command", "status"),
    [
        ("exit 42", 42),
        ("kill -9 $$", 137),
        ("kill -TERM $$", 143),
        ("true", 0),
        ("false", 1),
        (" ", 0),
        (" \t\n ", 0),
        ("/no/such/program", 127),
        ("no-such-program", 127),
        ("/etc/passwd", 126),
    ],
)
def test_the_exit_status_is_what_a_shell_would_say(server: Server, command: str, status: int) -> None:
    assert server.ssh(command).returncode == status


def test_a_command_that_is_not_utf_8_runs_as_it_is(server: Server) -> None:
    said = b"back\\slash %s 'quoted' \xff\xc3\xa4\n"
    script = b"cat <<'END'; exit 3\n" + said + b"END\n"
    done = server.ssh(script.decode("utf-8", "surrogateescape"))

    assert (done.returncode, done.stdout, done.stderr) == (3, said, b"")


def test_a_command_that_does_not_exist_is_named_on_stderr(server: Server) -> None:
    done = server.ssh("no-such-program")

    assert done.stdout == b""
    assert b"no-such-program" in done.stderr


def test_what_is_piped_in_comes_out_again_and_the_client_ends_by_itself(server: Server) -> None:
    done = server.ssh("cat", stdin=b"data")

    assert (done.returncode, done.stdout, done.stderr) == (0, b"data", b"")


def test_a_client_without_stdin_gets_all_output_and_ends(server: Server) -> None:
    done = server.ssh("echo hi", options=["-n"])

    assert (done.returncode, done.stdout) == (0, b"hi\n")


def test_the_end_of_input_does_not_end_the_output(server: Server) -> None:
    done = server.ssh("cat; sleep 0.2; echo end; exit 4", stdin=b"x")

    assert (done.returncode, done.stdout) == (4, b"xend\n")


def test_a_program_may_close_its_input_and_go_on(server: Server) -> None:
    done = server.ssh("exec <&-; sleep 0.1; echo done", stdin=b"unread" * 100_000)

    assert (done.returncode, done.stdout) == (0, b"done\n")


def test_a_program_that_ends_before_its_input_was_read_is_reported(server: Server) -> None:
    done = server.ssh("head -c 1; exit 5", stdin=b"y" * 4_000_000)

    assert (done.returncode, done.stdout) == (5, b"y")


def test_every_byte_comes_before_the_exit_status(server: Server) -> None:
    size = 10 * 1024 * 1024
    done = server.ssh(f"head -c {size} /dev/zero; exit 3")

    assert done.returncode == 3
    assert len(done.stdout) == size


def test_both_streams_are_complete_when_they_are_mixed(server: Server) -> None:
    done = server.ssh("for i in $(seq 2000); do echo o$i; echo e$i >&2; done")

    assert done.stdout.split() == [b"o%d" % i for i in range(1, 2001)]
    assert done.stderr.split() == [b"e%d" % i for i in range(1, 2001)]


def test_binary_data_is_untouched_both_ways(server: Server) -> None:
    data = bytes(range(256)) * 512

    assert server.ssh("cat", stdin=data).stdout == data


def test_a_shell_without_a_terminal_reads_its_commands_from_stdin(server: Server) -> None:
    done = server.ssh(stdin=b"echo $((6*7))\nexit 9\n")

    assert (done.returncode, done.stdout) == (9, b"42\n")


def test_a_background_program_that_holds_no_output_does_not_hold_the_client(server: Server) -> None:
    done = server.ssh("sleep 600 >/dev/null 2>&1 & echo started; exit 6", timeout=20)

    assert (done.returncode, done.stdout) == (6, b"started\n")


def test_programs_start_in_the_home_directory_with_a_login_environment(server: Server) -> None:
    done = server.ssh('pwd; echo "$HOME|$USER|$LOGNAME|$SHELL"; id -un')

    assert done.stdout.decode().splitlines() == ["/root", "/root|root|root|/bin/bash", "root"]


def test_programs_know_where_their_client_is(server: Server) -> None:
    done = server.ssh('echo "$SSH_CLIENT"; echo "$SSH_CONNECTION"; echo "[$SSH_TTY]"')
    client, connection, tty = done.stdout.decode().splitlines()

    address, port, server_port = client.split()
    assert (address, server_port) == ("127.0.0.1", str(server.port))
    assert connection == f"127.0.0.1 {port} 127.0.0.1 {server.port}"
    assert tty == "[]"


def test_variables_of_the_client_arrive_with_their_spaces(server: Server) -> None:
    done = server.ssh('echo "$FOO|$BAR|$EMPTY."', options=["-o", 'SetEnv=FOO="a b" BAR=c=d EMPTY=""'])

    assert done.stdout == b"a b|c=d|.\n"


def test_log_lines_carry_connection_user_and_container(server: Server) -> None:
    mark = server.log_mark()
    assert server.ssh("true").returncode == 0

    line = server.wait_for_log(r".*event=program_ended.*", since=mark)[0]
    assert f"user={USER}" in line
    assert "connection=" in line
    assert f"container=sshore-{USER}-" in line
    assert "status=0" in line
