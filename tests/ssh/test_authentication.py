"""The listener's authentication, against asyncssh's own client."""

import asyncio
import hashlib
import struct
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import asyncssh
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sshore.ssh import authentication
from sshore.ssh.authentication import Credentials, FileAuthentication
from sshore.ssh.usernames import secret_fraction
from structlog.testing import capture_logs
from support.login_desk import PASSWORD, UNRESTRICTED, Desk, Signer


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with Desk(tmp_path).listening() as made:
        yield made


async def test_a_listed_key_and_a_right_password_are_let_in_without_restrictions(desk: Desk) -> None:
    key = desk.make_key("key")
    desk.authorize("alice", ("", key))
    assert await desk.log_in("alice", client_keys=[key]) == UNRESTRICTED
    assert await desk.log_in("alice", password=PASSWORD) == UNRESTRICTED
    assert await desk.log_in("alice", password=PASSWORD, preferred_auth="keyboard-interactive") == UNRESTRICTED


async def test_options_reach_the_session_and_asyncssh_applies_none_itself(desk: Desk) -> None:
    key = desk.make_key("key")
    desk.authorize("alice", ('command="forced \\"x\\"",restrict,environment="A=b c",from="127.0.0.0/8"', key))
    assert await desk.log_in("alice", client_keys=[key]) == {
        "command": 'forced "x"',
        "pty": False,
        "environment": {"A": "b c"},
        "asked": "anything",
        "asyncssh_environment": {},
    }


async def test_the_key_that_completes_the_login_counts_and_not_one_that_was_only_offered(desk: Desk) -> None:
    free, bound = desk.make_key("free"), desk.make_key("bound")
    desk.authorize("alice", ("", free), ('command="forced"', bound))
    for offered, used, command in ((free, bound, "forced"), (bound, free, None)):
        keys = [Signer(offered.public_data), used]
        assert (await desk.log_in("alice", client_keys=keys))["command"] == command
    keys = [Signer(bound.public_data)]
    assert (await desk.log_in("alice", client_keys=keys, password=PASSWORD))["command"] is None


async def test_a_key_without_its_signature_or_with_a_wrong_one_opens_nothing(desk: Desk) -> None:
    key = desk.make_key("key")
    desk.authorize("alice", ("", key))
    wrong = asyncssh.generate_private_key("ssh-ed25519")
    for signer in (Signer(key.public_data), Signer(key.public_data, lambda data: wrong.sign(data, b"ssh-ed25519"))):
        with pytest.raises(asyncssh.PermissionDenied):
            await desk.log_in("alice", client_keys=[signer])


async def test_one_users_key_is_not_anothers(desk: Desk) -> None:
    key, other = desk.make_key("key"), desk.make_key("other")
    desk.authorize("alice", ("", key))
    desk.authorize("bob", ("", other))
    with pytest.raises(asyncssh.PermissionDenied):
        await desk.log_in("bob", client_keys=[key])


async def test_a_client_that_changes_its_name_on_the_way_has_the_new_names_keys(desk: Desk) -> None:
    key, other = desk.make_key("key"), desk.make_key("other")
    desk.authorize("alice", ("", key))
    desk.authorize("bob", ('command="bobs"', key), ("", other))
    owner = FileAuthentication(Credentials(f"{desk.keys}/%u", None))
    assert await owner.validate_public_key("alice", key)
    assert await owner.validate_public_key("bob", key)
    assert owner.permissions.command == "bobs"
    assert not await owner.validate_public_key("alice", other)
    with pytest.raises(RuntimeError):
        _ = owner.permissions


async def test_a_security_key_must_be_touched(desk: Desk) -> None:
    private = Ed25519PrivateKey.generate()
    name, application = b"sk-ssh-ed25519@openssh.com", b"ssh:"
    blob = string(name) + string(private.public_key().public_bytes_raw()) + string(application)
    desk.authorize("alice", ("no-pty", asyncssh.public_key.decode_ssh_public_key(blob)))

    def signed(flags: int) -> Callable[[bytes], bytes]:
        def sign(data: bytes) -> bytes:
            end = struct.pack(">BI", flags, 7)
            message = hashlib.sha256(application).digest() + end + hashlib.sha256(data).digest()
            return string(name) + string(private.sign(message)) + end

        return sign

    assert (await desk.log_in("alice", client_keys=[Signer(blob, signed(1))]))["pty"] is False
    with pytest.raises(asyncssh.PermissionDenied):
        await desk.log_in("alice", client_keys=[Signer(blob, signed(0))])


def string(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data


async def methods_of(desk: Desk, user: str) -> list[str]:
    return list(await asyncssh.get_server_auth_methods("127.0.0.1", desk.port, user, config=None))


STRANGERS = ("nobody", "../secret", "-alice", "alice/../alice", "a" * 65, "alicé", "unsafe")


async def test_nobody_can_tell_why_he_is_refused(desk: Desk) -> None:
    key, wrong = desk.make_key("key"), desk.make_key("wrong")
    for path in (desk.keys / "alice", desk.keys / "unsafe", desk.keys.parent / "secret"):
        path.write_bytes(key.export_public_key())
    (desk.keys / "unsafe").chmod(0o666)
    expected = await refusal_of(desk, "alice", wrong)
    for user in STRANGERS:
        assert await refusal_of(desk, user, key) == expected
        assert await methods_of(desk, user) == await methods_of(desk, "alice")


async def refusal_of(desk: Desk, user: str, key: asyncssh.SSHKey) -> tuple[str, int]:
    with pytest.raises(asyncssh.PermissionDenied) as caught:
        await desk.log_in(user, client_keys=[key], password="wrong")
    return str(caught.value).replace(user, "USER"), caught.value.code


async def test_every_refusal_goes_the_way_that_levels_its_time(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    levelled: list[str] = []

    async def record(began: float, username: str) -> None:
        levelled.append(username)

    monkeypatch.setattr(authentication, "_level_refusal", record)
    key = desk.make_key("key")
    for user in ("alice", *STRANGERS):
        levelled.clear()
        await refusal_of(desk, user, key)
        assert len(levelled) >= 2, "one for the key, one or more for the password"


async def test_a_refusal_is_answered_at_a_step_and_not_before() -> None:
    loop = asyncio.get_running_loop()
    own = 0.010 + 0.005 * secret_fraction("alice")
    for already, step in ((0.0, own), (0.005, own), (own + 0.001, 2 * own), (2 * own + 0.001, 4 * own)):
        began = loop.time() - already
        await authentication._level_refusal(began, "alice")
        assert loop.time() - began >= step - 0.001


async def test_a_name_that_is_not_allowed_opens_no_file(desk: Desk) -> None:
    opened: list[str] = []
    watching = True

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if watching and event == "open" and str(desk.folder) in str(arguments[0]):
            opened.append(str(arguments[0]))

    key = desk.make_key("key")
    (desk.keys.parent / "secret").write_bytes(key.export_public_key())
    desk.authorize("alice", ("", key))
    sys.addaudithook(hook)
    for user in ("../secret", "-alice", "alice/../alice", "a" * 65):
        await refusal_of(desk, user, key)
    assert opened == []
    await desk.log_in("alice", client_keys=[key])
    assert opened == [str(desk.keys / "alice")]
    watching = False


async def test_a_file_that_others_may_write_admits_nobody_and_the_operator_reads_why(desk: Desk) -> None:
    key = desk.make_key("key")
    desk.authorize("alice", ("", key))
    (desk.keys / "alice").chmod(0o664)
    with capture_logs() as logs:
        await refusal_of(desk, "alice", key)
    reasons = [entry["reason"] for entry in logs if entry["event"] == "authorized_keys_unusable"]
    assert len(reasons) == 1
    assert "0664" in reasons[0]


async def test_no_log_line_holds_a_password(desk: Desk) -> None:
    with capture_logs() as logs:
        with pytest.raises(asyncssh.PermissionDenied):
            await desk.log_in("alice", password="s3cret")
        await desk.log_in("alice", password=PASSWORD)
    assert {entry["event"] for entry in logs} == {"auth_refused"}
    assert "s3cret" not in repr(logs)
    assert PASSWORD not in repr(logs)


async def test_a_refused_login_permits_nothing(desk: Desk) -> None:
    await refusal_of(desk, "alice", desk.make_key("key"))
    with pytest.raises(RuntimeError):
        _ = desk.owners[-1].permissions


async def test_only_configured_methods_are_offered(tmp_path: Path) -> None:
    async with Desk(tmp_path).listening(passwords=False) as desk:
        assert await methods_of(desk, "alice") == ["publickey"]
        with pytest.raises(asyncssh.PermissionDenied):
            await desk.log_in("alice", password=PASSWORD)
