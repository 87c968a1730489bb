import asyncio
import os
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import argon2
import bcrypt
import pytest
from sshore.ssh import passwords
from sshore.ssh.passwords import PasswordFile, PasswordFileError, check_password_file, matches
from structlog.testing import capture_logs

SALT = b"$2b$04$" + b"." * 22
"""Always the same: what is made with it is in names of tests, which all workers must have alike."""


def bcrypted(password: str, prefix: bytes = b"$2b$") -> str:
    return (prefix + bcrypt.hashpw(password.encode(), SALT)[4:]).decode()


def argon2ed(password: str) -> str:
    return argon2.PasswordHasher(time_cost=1, memory_cost=64, parallelism=1).hash(password)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    tmp_path.chmod(0o755)
    return tmp_path / "htpasswd"


@pytest.fixture
def users(path: Path) -> Iterator[PasswordFile]:
    write(path, alice=bcrypted("wonderland"), bob=argon2ed("builder"))
    with closing(PasswordFile(path)) as made:
        yield made


def write(path: Path, mode: int = 0o600, **hashes: str) -> None:
    fresh = path.with_suffix(".new")
    fresh.write_text("# users\n\n" + "".join(f"{user}:{hashed}\n" for user, hashed in hashes.items()))
    fresh.chmod(mode)
    fresh.rename(path)


async def test_the_right_password_and_no_other_is_accepted(users: PasswordFile) -> None:
    assert await users.verify("alice", "wonderland")
    assert await users.verify("bob", "builder")
    assert not await users.verify("alice", "builder")
    assert not await users.verify("bob", "")


async def test_an_unknown_user_is_refused_even_with_somebodys_password(users: PasswordFile) -> None:
    for name in ("carol", "../alice", "", "é" * 300, "dave", "erin", "\udcff"):
        assert not await users.verify(name, "wonderland")
        assert not await users.verify(name, "builder")


async def test_an_unknown_user_costs_one_check_of_a_real_hash_as_a_known_one_does(
    users: PasswordFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked: list[str] = []

    def recording(expected: str, password: str) -> bool:
        checked.append(expected)
        return matches(expected, password)

    monkeypatch.setattr(passwords, "matches", recording)
    names = [f"stranger{number}" for number in range(30)]
    for name in ("alice", "alice", *names, *names):
        await users.verify(name, "wrong")
    assert checked[0] == checked[1]
    assert checked[2:32] == checked[32:], "the same name costs the same each time"
    assert {expected[:4] for expected in checked[2:]} == {"$2b$", "$arg"}, "strangers are as mixed as users are"
    assert len(checked) == 62


@pytest.mark.parametrize("prefix", [b"$2a$", b"$2b$", b"$2y$"])
def test_every_name_of_bcrypt_is_understood(prefix: bytes) -> None:
    assert matches(bcrypted("x", prefix), "x")
    assert not matches(bcrypted("x", prefix), "y")


def test_bcrypt_looks_at_72_bytes_and_takes_longer_passwords() -> None:
    assert matches(bcrypted("x" * 72), "x" * 100)
    assert not matches(bcrypted("x" * 72), "x" * 71)
    assert not matches(bcrypted("x"), "x\0y")


def test_argon2_takes_a_password_of_any_length() -> None:
    assert matches(argon2ed("é" * 1000), "é" * 1000)
    assert not matches(argon2ed("é" * 1000), "é" * 999)


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("bob:{SHA}qUqP5cyxm6YcTAhz05Hph5gvu9M=", "{SHA}"),
        ("bob:$apr1$abc$0123456789", "$apr1$"),
        ("bob:$5$salt$hash", "$5$"),
        ("bob:$2x$04$abc", "$2x$"),
        ("bob:$argon2i$v=19$m=64,t=1,p=1$c2FsdHNhbHQ$aGFzaA", "$argon2i$"),
        ("bob:s3cret", "plain text"),
        ("bob:rqXexS6ZhobKA", "crypt"),
        ("bob:", "plain text"),
        ("bob", "plain text"),
        ("bob:$2y$04$short", "bcrypt hash is damaged"),
        ("bob:$argon2id$v=19$nonsense", "argon2id hash is damaged"),
        ("../bob:" + bcrypted("x"), "USER:HASH"),
        ("alice:" + bcrypted("x"), "earlier line"),
    ],
)
def test_a_line_that_cannot_be_used_stops_the_start_and_is_named_without_its_hash(
    path: Path, line: str, named: str
) -> None:
    write(path, alice=bcrypted("wonderland"))
    with path.open("a") as file:
        file.write(line + "\n")
    with pytest.raises(PasswordFileError) as caught:
        PasswordFile(path)
    assert "line 4" in str(caught.value)
    assert named in str(caught.value)
    assert "s3cret" not in str(caught.value)
    assert "qUqP5" not in str(caught.value)


def test_a_missing_unreadable_or_binary_file_stops_the_start(path: Path) -> None:
    with pytest.raises(PasswordFileError, match="No such file"):
        PasswordFile(path)
    path.mkdir()
    with pytest.raises(PasswordFileError, match="not a regular file"):
        PasswordFile(path)
    path.rmdir()
    path.write_bytes(b"\xff\xfe\0")
    with pytest.raises(PasswordFileError, match="line 1: a line is USER:HASH"):
        PasswordFile(path)


def test_a_file_that_others_may_write_stops_the_start(path: Path) -> None:
    for mode in (0o620, 0o602):
        write(path, mode, alice=bcrypted("x"))
        with pytest.raises(PasswordFileError, match="writable"):
            PasswordFile(path)


def test_a_file_that_everybody_may_read_is_warned_about(path: Path) -> None:
    write(path, 0o644, alice=bcrypted("x"))
    assert "chmod o-r" in str(check_password_file(path))
    write(path, alice=bcrypted("x"))
    assert check_password_file(path) is None


async def test_a_file_that_everybody_may_read_later_is_logged(path: Path, users: PasswordFile) -> None:
    write(path, 0o644, alice=bcrypted("changed"))
    with capture_logs() as logs:
        assert await users.verify("alice", "changed")
    assert [entry["event"] for entry in logs] == ["passwords_world_readable"]


async def test_the_file_is_read_again_when_it_changed(path: Path, users: PasswordFile) -> None:
    write(path, alice=bcrypted("changed"), carol=bcrypted("new"))
    assert await users.verify("alice", "changed")
    assert await users.verify("carol", "new")
    assert not await users.verify("bob", "builder")


async def test_a_file_that_became_unusable_admits_nobody_until_it_is_repaired(path: Path, users: PasswordFile) -> None:
    for spoil in (lambda: path.chmod(0o666), lambda: write(path, alice="plain"), path.unlink):
        spoil()
        with capture_logs() as logs:
            assert not await users.verify("alice", "wonderland")
        assert logs[0]["event"] == "passwords_unusable"
        write(path, alice=bcrypted("wonderland"))
        assert await users.verify("alice", "wonderland")


async def test_an_empty_file_has_no_users(path: Path) -> None:
    write(path)
    with closing(PasswordFile(path)) as users:
        assert not await users.verify("alice", "")


async def test_a_flood_of_attempts_uses_few_threads_and_leaves_the_loop_alone(path: Path) -> None:
    before = set(threading.enumerate())
    slow = bcrypt.hashpw(b"x", bcrypt.gensalt(10)).decode()
    write(path, alice=slow)
    with closing(PasswordFile(path)) as users:
        attempts = asyncio.gather(*(users.verify("alice", f"{number}") for number in range(20)))
        turns = 0
        while not attempts.done():
            await asyncio.sleep(0)
            turns += 1
        assert not any(attempts.result())
        assert turns > 100
        made = [thread.name for thread in threading.enumerate() if thread not in before]
        assert 1 <= sum(name.startswith("sshore-password") for name in made) <= max(1, os.cpu_count() or 1)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_file_of_somebody_else_stops_the_start(path: Path) -> None:
    write(path, alice=bcrypted("x"))
    os.chown(path, 4711, -1)
    with pytest.raises(PasswordFileError, match="uid 4711"):
        PasswordFile(path)
