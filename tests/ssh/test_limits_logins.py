"""How often a client may fail to log in, on a connection and from an address."""

from __future__ import annotations

from pathlib import Path

import asyncssh
import pytest
from asyncssh.packet import Boolean, String
from sshore.ssh.bans import Bans
from sshore.ssh.sources import source_of
from structlog.testing import capture_logs
from support.descriptors import Exhausting, descriptors_back
from support.front_desk import PASSWORD, USER, FrontDesk

_MSG_USERAUTH_REQUEST = 50
_MANY = 201


class Guesser(asyncssh.SSHClient):
    """Has so many passwords, the last of which is right."""

    def __init__(self, passwords: int = _MANY) -> None:
        self._left = passwords
        self.tried = 0

    def password_auth_requested(self) -> str | None:
        self._left -= 1
        self.tried += 1
        return PASSWORD if self._left == 0 else f"wrong {self._left}"


async def guess(desk: FrontDesk, guesser: asyncssh.SSHClient, **options: object) -> None:
    options = {"client_keys": None, "client_factory": lambda: guesser, "preferred_auth": "password"} | options
    async with desk.login(**options):
        pass


async def test_a_client_with_201_passwords_is_cut_off(tmp_path: Path) -> None:
    guesser = Guesser()
    async with FrontDesk(tmp_path, {}).open() as desk:
        with pytest.raises(asyncssh.DisconnectError, match="Too many authentication failures") as cut:
            await guess(desk, guesser)
        assert desk.refusals("TOO_MANY_AUTH_TRIES") == 1
    assert guesser.tried == 6
    assert cut.value.code == asyncssh.DISC_PROTOCOL_ERROR


async def test_the_last_try_counts(tmp_path: Path) -> None:
    async with FrontDesk(tmp_path, {}).open() as desk:
        await guess(desk, Guesser(6))
        assert desk.refusals("TOO_MANY_AUTH_TRIES") == 0


async def test_answers_to_prompts_count_too(tmp_path: Path) -> None:
    class Prompted(Guesser):
        def kbdint_auth_requested(self) -> str:
            return ""

        def kbdint_challenge_received(self, *_: object) -> list[str]:
            return [str(self.password_auth_requested())]

    guesser = Prompted()
    async with FrontDesk(tmp_path, {"maxAuthTries": 3}).open() as desk:
        with pytest.raises(asyncssh.DisconnectError, match="Too many authentication failures"):
            await guess(desk, guesser, preferred_auth="keyboard-interactive")
    assert guesser.tried == 3


async def test_a_client_with_200_keys_is_cut_off(tmp_path: Path) -> None:
    keys = (asyncssh.generate_private_key("ssh-ed25519") for _ in range(200))
    offered = []

    class Offerer(asyncssh.SSHClient):
        def public_key_auth_requested(self) -> asyncssh.SSHKey | None:
            offered.append(next(keys, None))
            return offered[-1]

    async with FrontDesk(tmp_path, {}).open() as desk:
        with pytest.raises(asyncssh.DisconnectError, match="Too many authentication failures"):
            async with desk.login(client_keys=None, client_factory=Offerer):
                pass
        assert desk.refusals("TOO_MANY_AUTH_TRIES") == 1
    assert len(offered) == 6


async def test_openssh_with_many_keys_is_cut_off_and_says_why(tmp_path: Path) -> None:
    strangers = [tmp_path / f"key{number}" for number in range(50)]
    for path in strangers:
        path.write_bytes(asyncssh.generate_private_key("ssh-ed25519").export_private_key())
        path.chmod(0o600)
    options = [word for path in strangers for word in ("-i", str(path))]
    async with FrontDesk(tmp_path, {}).open() as desk:
        # The user's own would be offered first.
        (tmp_path / "id").unlink()
        status, said = await desk.openssh("-v", *options, "127.0.0.1", "true")
    assert status == 255
    assert "Too many authentication failures (TOO_MANY_AUTH_TRIES)" in said
    assert said.count("Offering public key") == 6


async def test_tries_that_wait_for_no_answer_count_too(tmp_path: Path) -> None:
    async with FrontDesk(tmp_path, {}).open() as desk:
        with pytest.raises(asyncssh.DisconnectError, match="Too many authentication failures"):
            async with desk.login(client_keys=None, client_factory=Hasty):
                pass
        assert desk.refusals("TOO_MANY_AUTH_TRIES") == 1


class Hasty(asyncssh.SSHClient):
    """Sends its passwords at once."""

    def connection_made(self, conn: asyncssh.SSHClientConnection) -> None:
        self._connection = conn

    def password_auth_requested(self) -> str | None:
        for number in range(_MANY):
            password = String(f"wrong {number}")
            request = (String(USER), String("ssh-connection"), String("password"), Boolean(False), password)
            self._connection.send_packet(_MSG_USERAUTH_REQUEST, *request)
        return PASSWORD


async def test_a_client_may_be_given_any_number_of_tries(tmp_path: Path) -> None:
    async with FrontDesk(tmp_path, {"maxAuthTries": 0}).open() as desk:
        await guess(desk, Guesser(20))
        assert desk.refusals("TOO_MANY_AUTH_TRIES") == 0


async def test_failed_passwords_close_an_address_out_keys_included(tmp_path: Path) -> None:
    async with FrontDesk(tmp_path, {"banAfter": 3, "banDecay": "1h"}).open() as desk:
        with pytest.raises(asyncssh.DisconnectError, match="Too many failed passwords") as banned:
            await guess(desk, Guesser())
        assert banned.value.code == asyncssh.DISC_HOST_NOT_ALLOWED_TO_CONNECT
        with pytest.raises(asyncssh.DisconnectError, match="Too many failed passwords"):
            async with desk.login():
                pass
        assert desk.refusals("ADDRESS_BANNED") == 2


async def test_offered_keys_ban_nobody(tmp_path: Path) -> None:
    strangers = [asyncssh.generate_private_key("ssh-ed25519") for _ in range(5)]
    async with FrontDesk(tmp_path, {"banAfter": 1, "banDecay": "1h"}).open() as desk:
        async with desk.login(client_keys=[*strangers, desk.key]) as connection:
            assert (await connection.run("echo in")).stdout == "in\n"
        assert desk.refusals("ADDRESS_BANNED") == 0


async def test_nobody_is_banned_unless_configured(tmp_path: Path) -> None:
    async with FrontDesk(tmp_path, {"maxAuthTries": 0}).open() as desk:
        await guess(desk, Guesser(30))
        assert (desk.refusals("ADDRESS_BANNED"), len(desk.listener._limits.bans)) == (0, 0)


def test_a_ban_decays() -> None:
    now = 0.0
    bans = Bans(2, 10.0, lambda: now)
    bans.failed("a")
    assert not bans.is_banned("a")
    bans.failed("a")
    assert bans.is_banned("a")
    assert not bans.is_banned("b")
    now = 10.0
    assert not bans.is_banned("a")
    bans.failed("a")
    assert bans.is_banned("a")
    now = 40.0
    assert not bans.is_banned("a")
    assert len(bans) == 0


def test_bans_take_bounded_memory() -> None:
    bans = Bans(1, 10.0, lambda: 0.0)
    for number in range(20_000):
        bans.failed(str(number))
    assert len(bans) == 10_000
    assert bans.is_banned("19999")


@pytest.mark.parametrize(
    ("address", "source"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("unix", "unix"),
    ],
)
def test_who_counts_as_one(address: str, source: str) -> None:
    assert source_of(address) == source


@pytest.mark.parametrize("user", [USER, "nobody"])
async def test_a_key_that_there_is_no_descriptor_to_look_up_with_is_the_servers_fault(
    tmp_path: Path, user: str
) -> None:
    async with FrontDesk(tmp_path, {"maxAuthTries": 1}).open() as desk:
        refused = pytest.raises(asyncssh.DisconnectError, match="LOGIN_NOT_CHECKED")
        with capture_logs() as logs, descriptors_back(), refused:
            await guess(desk, Exhausting(key=desk.key), user=user, preferred_auth="publickey")
        [told] = [entry for entry in logs if entry["event"] == "login_not_checked"]
        assert (told["log_level"], "Too many open files" in told["reason"]) == ("error", True)
        assert [entry for entry in logs if entry["event"] == "authorized_keys_unusable"] == []
        async with desk.login():
            pass


async def test_a_password_that_could_not_be_checked_is_no_wrong_one(tmp_path: Path) -> None:
    async with FrontDesk(tmp_path, {"banAfter": 1, "banDecay": "1h"}).open() as desk:
        with (tmp_path / "htpasswd").open("a") as file:
            file.write("# changed: it has to be read again\n")
        with descriptors_back(), pytest.raises(asyncssh.DisconnectError, match="LOGIN_NOT_CHECKED"):
            await guess(desk, Exhausting(password=PASSWORD))
        await guess(desk, Guesser(1))
