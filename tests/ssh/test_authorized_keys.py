from datetime import UTC, datetime
from pathlib import Path

import asyncssh
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sshore.ssh.authorized_keys import AuthorizedKeys, KeyFilePattern
from structlog.testing import capture_logs

NOW = datetime(2030, 6, 15, tzinfo=UTC)
KEY = asyncssh.generate_private_key("ssh-ed25519")
OTHER = asyncssh.generate_private_key("ssh-ed25519")
PATH = Path("/keys/alice")


def line(key: asyncssh.SSHKey, options: str = "") -> bytes:
    return options.encode() + (b" " if options else b"") + key.export_public_key().strip()


def parse(*lines: bytes) -> AuthorizedKeys:
    return AuthorizedKeys.parse(PATH, b"\n".join(lines) + b"\n")


def permitted(keys: AuthorizedKeys, key: asyncssh.SSHKey = KEY, address: str = "127.0.0.1") -> object:
    return keys.permissions(key.public_data, address, NOW)


def test_a_listed_key_is_found_and_another_is_not() -> None:
    keys = parse(line(KEY))
    assert permitted(keys)
    assert permitted(keys, OTHER) is None


@pytest.mark.parametrize("algorithm", ["ssh-rsa", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp521", "ssh-ed25519"])
def test_keys_of_every_kind_are_found(algorithm: str) -> None:
    key = asyncssh.generate_private_key(algorithm)
    assert permitted(parse(line(key)), key)


def test_comments_blank_lines_and_windows_line_ends_are_no_fault() -> None:
    with capture_logs() as logs:
        keys = parse(b"# comment", b"", b"  \t", line(OTHER) + b" a comment\r", b"\t" + line(KEY) + b"\r")
    assert permitted(keys)
    assert logs == []


def test_a_malformed_line_is_skipped_with_its_number_in_the_log() -> None:
    broken = [
        b"nonsense",
        b"ssh-ed25519",
        b"ssh-ed25519 ####",
        b"ssh-rsa " + line(KEY).split()[1],
        b'a="b',
        b"\xff\xfe",
    ]
    with capture_logs() as logs:
        keys = parse(*broken, line(KEY))
    assert permitted(keys)
    assert [entry["line"] for entry in logs] == [1, 2, 3, 4, 5, 6]
    assert {entry["event"] for entry in logs} == {"authorized_key_skipped"}


def test_a_bad_option_refuses_its_own_line_only() -> None:
    keys = parse(line(KEY, 'permitopen="a:1"'), line(OTHER))
    with capture_logs() as logs:
        assert permitted(keys, OTHER)
        assert logs == []
        assert permitted(keys) is None
    assert logs[0]["event"] == "authorized_key_refused"
    assert logs[0]["line"] == 1
    assert "permitopen" in logs[0]["reason"]


def test_a_later_line_with_the_same_key_may_admit_it() -> None:
    keys = parse(line(KEY, 'from="10.0.0.1"'), line(KEY, "no-pty"), line(KEY))
    permissions = keys.permissions(KEY.public_data, "127.0.0.1", NOW)
    assert permissions is not None
    assert not permissions.pty


def test_options_with_blanks_in_quotes_are_told_from_the_key() -> None:
    options = 'command="echo \\"ssh-ed25519 AAAA\\" #",environment="A=b c"'
    permissions = parse(line(KEY, options)).permissions(KEY.public_data, "127.0.0.1", NOW)
    assert permissions is not None
    assert permissions.command == 'echo "ssh-ed25519 AAAA" #'
    assert permissions.environment == {"A": "b c"}


@given(st.binary(max_size=300))
def test_no_file_is_too_strange_to_be_read(data: bytes) -> None:
    assert permitted(AuthorizedKeys.parse(PATH, data)) is None


@pytest.mark.parametrize(
    ("pattern", "path", "base"),
    [
        ("/keys/%u", "/keys/alice", "/keys"),
        ("/keys/%u/authorized_keys", "/keys/alice/authorized_keys", "/keys"),
        ("/a/%%b/x-%u.pub", "/a/%b/x-alice.pub", "/a/%b"),
        ("/keys/everybody", "/keys/everybody", "/keys"),
        ("keys/%u", "keys/alice", "keys"),
        ("/%u", "/alice", "/"),
    ],
)
def test_a_pattern_gives_a_path_and_the_directory_in_front_of_the_name(pattern: str, path: str, base: str) -> None:
    made = KeyFilePattern(pattern)
    assert made.path("alice") == Path(path)
    assert made.base == Path(base)


@pytest.mark.parametrize("pattern", ["/keys/%h", "/keys/%", "/keys/%%%"])
def test_a_pattern_with_another_escape_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match="%u"):
        KeyFilePattern(pattern)
