"""Requests that cannot be carried out: a sentence and a status for the user, a line with a code for the operator."""

from __future__ import annotations

import shutil

import asyncssh
import pytest
from support.server import USER, Server

pytestmark = pytest.mark.engine

LONGEST = 131_071
String = asyncssh.packet.String


def assert_told(
    server: Server, mark: int, done: asyncssh.SSHCompletedProcess, code: str, event: str = "session_refused"
) -> None:
    """One sentence on stderr, nothing on stdout, not 0; a line in the log; and the server goes on."""
    assert done.exit_status == 255
    assert done.stdout == ""
    assert done.stderr.startswith("sshore: ")
    assert done.stderr.endswith(f" ({code})\n")
    assert done.stderr.count("\n") == 1
    line = server.wait_for_log(rf".*event={event}.*code={code}.*", since=mark)[0]
    assert "cause=" in line
    assert f"user={USER}" in line
    assert server.ssh("echo on").stdout == b"on\n"


def test_a_command_of_100_kb_runs(server: Server) -> None:
    done = server.ssh(f"echo {'x' * 100_000} | wc -c")

    assert (done.returncode, done.stdout) == (0, b"100001\n")


async def test_the_longest_possible_command_runs_and_a_byte_more_is_refused(server: Server) -> None:
    start = "echo fits #"
    async with server.connect() as connection:
        fits = await connection.run(start + "x" * (LONGEST - len(start)))
        assert (fits.exit_status, fits.stdout) == (0, "fits\n")
        mark = server.log_mark()
        refused = await connection.run(start + "x" * (LONGEST - len(start) + 1))

    assert_told(server, mark, refused, "COMMAND_TOO_LONG")
    assert "at most 131071 bytes" in refused.stderr


async def test_the_limit_of_a_command_counts_bytes(server: Server) -> None:
    mark = server.log_mark()
    async with server.connect() as connection:
        refused = await connection.run(f"echo {'ä' * (LONGEST // 2)}")

    assert_told(server, mark, refused, "COMMAND_TOO_LONG")


def test_the_clients_user_reads_why_his_command_is_refused(server: Server) -> None:
    done = server.ssh("echo", "x" * 70_000, "y" * 70_000)

    assert done.returncode == 255
    assert done.stderr == b"sshore: The command is too long: at most 131071 bytes are possible. (COMMAND_TOO_LONG)\n"


async def test_a_command_with_a_nul_is_refused(server: Server) -> None:
    mark = server.log_mark()
    async with server.connect() as connection:
        refused = await connection.run("echo a\0b")

    assert_told(server, mark, refused, "COMMAND_INVALID")


async def test_an_empty_command_ends_with_0(server: Server) -> None:
    class Empty(str):
        """Without this the client would ask for a shell instead."""

        def __bool__(self) -> bool:
            return True

    async with server.connect() as connection:
        done = await connection.run(Empty())

    assert (done.exit_status, done.stdout, done.stderr) == (0, "", "")


async def test_five_hundred_variables_arrive(server: Server) -> None:
    variables = {f"VARIABLE_{number}": f"value {number}" for number in range(500)}
    async with server.connect() as connection:
        done = await connection.run("env | grep ^VARIABLE_ | sort -t_ -k2 -n", env=variables)

    assert done.stdout.splitlines() == [f"{name}={value}" for name, value in variables.items()]


async def test_the_largest_variable_arrives_and_a_byte_more_is_refused(server: Server) -> None:
    async with server.connect() as connection:
        fits = await connection.run('echo "${#BIG}"', env={"BIG": "x" * (LONGEST - len("BIG="))})
        assert fits.stdout == f"{LONGEST - 4}\n"
        mark = server.log_mark()
        refused = await connection.run("true", env={"BIG": "x" * (LONGEST - len("BIG=") + 1)})

    assert_told(server, mark, refused, "ENV_TOO_LARGE", event="env_refused|session_refused")


async def test_more_variables_than_the_kernel_takes_are_an_error_and_not_output(server: Server, mode: str) -> None:
    mark = server.log_mark()
    async with server.connect() as connection:
        refused = await connection.run("echo out", env={f"BIG{number}": "x" * 130_000 for number in range(20)})

    assert refused.exit_status not in (0, None)
    assert refused.stdout == ""
    if mode == "connection":
        assert refused.stderr == "sshore: The program could not be started. (PROGRAM_START_FAILED)\n"
        assert "argument list too long" in server.wait_for_log(r".*code=PROGRAM_START_FAILED.*", since=mark)[0]
    else:
        # It is the container's init that cannot start it.
        assert "argument list too long" in refused.stderr
    assert server.ssh("echo on").stdout == b"on\n"


@pytest.mark.parametrize("name", ["A=B", "A\0B", "", "=", "\0"])
async def test_a_variable_with_an_impossible_name_is_refused(server: Server, name: str) -> None:
    mark = server.log_mark()
    async with server.connect() as connection:
        refused = await connection.run("env", env={name: "value"})

    assert_told(server, mark, refused, "ENV_INVALID", event="env_refused|session_refused")


async def test_a_variable_with_a_nul_in_its_value_is_refused(server: Server) -> None:
    mark = server.log_mark()
    async with server.connect() as connection:
        refused = await connection.run("env", env={"NAME": "a\0b"})

    assert_told(server, mark, refused, "ENV_INVALID", event="env_refused|session_refused")


def test_a_subsystem_that_nobody_configured_is_refused(server: Server) -> None:
    mark = server.log_mark()
    done = server.ssh("no-such-subsystem", options=["-s"])

    assert done.returncode == 255
    assert done.stdout == b""
    assert done.stderr.startswith(b"subsystem request failed on channel 0")
    assert "no-such-subsystem" in server.wait_for_log(r".*code=SUBSYSTEM_UNKNOWN.*", since=mark)[0]


async def test_a_channel_has_one_program(server: Server) -> None:
    mark = server.log_mark()
    async with server.connect() as connection:
        process = await connection.create_process("echo first; cat")
        assert await process.stdout.readline() == "first\n"

        # Requests that no client makes by itself, in the wire's own words (RFC 4254, 6.5).
        assert await process.channel._make_request(b"shell") is False
        assert await process.channel._make_request(b"exec", asyncssh.packet.String("echo second")) is False
        assert await process.channel._make_request(b"subsystem", asyncssh.packet.String("sftp")) is False
        for kind in ("shell", "exec", "subsystem"):
            pattern = rf"event=request_refused .*user={USER} .*request={kind} code=REQUEST_REFUSED "
            server.wait_for_log(pattern, since=mark)

        done = await process.communicate("still the first")
        assert done[0] == "still the first"


async def test_requests_behind_the_start_of_the_program_change_nothing(server: Server) -> None:
    async with server.connect() as connection:
        process = await connection.create_process('read line; echo "[$LATE]"; [ -t 0 ] || echo no terminal')
        assert await process.channel._make_request(b"env", String("LATE"), String("x")) is False
        process.channel.change_terminal_size(100, 40)
        out, _ = await process.communicate("go\n")

    assert out == "[]\nno terminal\n"


async def test_a_session_before_the_login_is_not_opened(server: Server) -> None:
    """RFC 4252, 6: the server disconnects."""
    mark = server.log_mark()
    sent: list[asyncssh.SSHClientConnection] = []

    class Hasty(asyncssh.SSHClient):
        def connection_made(self, conn: asyncssh.SSHClientConnection) -> None:
            self.conn = conn

        def public_key_auth_requested(self) -> None:
            packet = asyncssh.packet
            body = packet.String("session"), packet.UInt32(0), packet.UInt32(2**21), packet.UInt32(2**15)
            self.conn.send_packet(90, *body)
            sent.append(self.conn)

    with pytest.raises(asyncssh.Error):
        await server.connect(client_factory=Hasty, client_keys=None)
    assert sent
    server.wait_for_log("event=disconnected", since=mark)
    assert "event=authenticated" not in server.log[mark:]
    assert server.ssh("echo on").stdout == b"on\n"


@pytest.mark.parametrize("user", ["../../x", "..", ".", "../keys/demo", "/etc/passwd", "demo/", "-demo", "", "a" * 65])
async def test_a_user_name_that_is_no_file_name_is_refused_as_a_wrong_key_is(server: Server, user: str) -> None:
    mark = server.log_mark()
    with pytest.raises(asyncssh.PermissionDenied):
        await server.connect(username=user)

    server.wait_for_log(r"event=auth_refused", since=mark)


def test_the_clients_user_with_a_name_that_leads_elsewhere_is_told_no_more_than_others(server: Server) -> None:
    done = server.ssh("true", options=["-o", "User=../../x"])

    assert done.returncode == 255
    assert b"Permission denied (publickey)" in done.stderr


def test_a_user_name_never_leads_out_of_the_folder_of_keys(server: Server) -> None:
    outside = server.folder / "outside"
    shutil.copy(server.folder / "keys" / USER, outside)
    try:
        assert server.ssh("true", options=["-o", "User=../outside"]).returncode == 255
    finally:
        outside.unlink()


def test_a_user_nobody_knows_is_told_what_a_wrong_key_is_told(server: Server) -> None:
    unknown = server.ssh("true", options=["-o", "User=nobody-knows"])

    assert unknown.returncode == 255
    assert b"Permission denied (publickey)" in unknown.stderr
