"""Who is not logged in learns nothing of who could be."""

from __future__ import annotations

import asyncio
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

import asyncssh
import pytest
from asyncssh.packet import String
from support.client import SECONDS
from support.front_desk import USER, FrontDesk

STRANGER = asyncssh.generate_private_key("ssh-ed25519")
USERAUTH_BANNER, USERAUTH_FAILURE, EXT_INFO = 53, 51, 7


class Witness(asyncssh.SSHClient):
    """Remembers every message of the server's login, and offers one wrong thing."""

    def __init__(self) -> None:
        self.seen: list[tuple[int, bytes]] = []

    def connection_made(self, conn: asyncssh.SSHClientConnection) -> None:
        original: Callable[..., Any] = conn.process_packet

        def spy(pkttype: int, pktid: int, packet: Any) -> Any:
            if pkttype in (USERAUTH_BANNER, USERAUTH_FAILURE, EXT_INFO):
                self.seen.append((pkttype, bytes(packet.get_remaining_payload())))
            return original(pkttype, pktid, packet)

        conn.process_packet = spy  # type: ignore[method-assign]


async def seen_by(desk: FrontDesk, user: str, **how: Any) -> tuple[list[tuple[int, bytes]], str]:
    """What the server says to whoever cannot log in, and how asyncssh's client puts it."""
    witness = Witness()
    with pytest.raises(asyncssh.Error) as failed:
        await desk.login(user, client_factory=lambda: witness, **how)
    return witness.seen, str(failed.value).replace(user, "USER")


@pytest.mark.parametrize(
    "how",
    [{"client_keys": [STRANGER]}, {"client_keys": None, "password": "wrong"}, {"client_keys": None}],
    ids=["a key", "a password", "nothing"],
)
@pytest.mark.parametrize("stranger", ["mallory", "../../x", "a b", "x" * 1_000])
async def test_a_wrong_key_or_password_and_an_unknown_user_are_told_the_same(
    tmp_path: Path, how: dict[str, Any], stranger: str
) -> None:
    async with FrontDesk(tmp_path, {}).open() as desk:
        known = await seen_by(desk, USER, **how)
        assert known == await seen_by(desk, stranger, **how)
        assert known[0]


@pytest.mark.parametrize("how", [{"client_keys": [STRANGER]}, {"client_keys": None, "password": "wrong"}])
async def test_it_takes_about_as_long(tmp_path: Path, how: dict[str, Any]) -> None:
    """Roughly, on a machine that does other things too: a missing file or an unhashed password is no shortcut."""
    async with FrontDesk(tmp_path, {}).open() as desk:
        taken: dict[str, list[float]] = {USER: [], "mallory": []}
        for _ in range(8):
            for user, times in taken.items():
                began = asyncio.get_running_loop().time()
                await seen_by(desk, user, **how)
                times.append(asyncio.get_running_loop().time() - began)
    known, unknown = (min(times) for times in taken.values())
    assert abs(known - unknown) < 0.5 * statistics.median(taken[USER] + taken["mallory"])


async def test_a_name_of_a_megabyte_is_the_end_of_its_connection_only(tmp_path: Path) -> None:
    async with FrontDesk(tmp_path, {}).open() as desk:
        with pytest.raises((asyncssh.Error, OSError)):
            await asyncio.wait_for(desk.login("x" * 1_000_000), SECONDS)
        async with desk.login():
            pass


class Babbler(asyncssh.SSHClient):
    """Says a user name that is not UTF-8."""

    def connection_made(self, conn: asyncssh.SSHClientConnection) -> None:
        self._connection = conn

    def password_auth_requested(self) -> str:
        self._connection.send_packet(50, String(b"\xff\xfe"), String("ssh-connection"), String("none"))
        return ""


async def test_a_name_that_is_not_utf8_is_refused_and_nobody_else_notices(tmp_path: Path) -> None:
    async with FrontDesk(tmp_path, {}).open() as desk:
        with pytest.raises(asyncssh.Error):
            await desk.login(client_keys=None, client_factory=Babbler)
        async with desk.login():
            pass


@pytest.mark.parametrize(
    ("algorithm", "accepted"), [("rsa-sha2-256", True), ("rsa-sha2-512", True), ("ssh-rsa", False)]
)
async def test_a_users_key_of_rsa_signs_no_sha1(tmp_path: Path, algorithm: str, accepted: bool) -> None:
    key = asyncssh.generate_private_key("ssh-rsa", key_size=2048)
    async with FrontDesk(tmp_path, {}).open() as desk:
        keys = tmp_path / "keys" / USER
        keys.write_bytes(key.export_public_key())
        (pair,) = asyncssh.load_keypairs([key])
        # asyncssh's client would choose what the server says it takes.
        pair.set_sig_algorithm(algorithm.encode())
        pair.sig_algorithms = [algorithm.encode()]
        # A server that says nothing is one to which the client offers what it was told to.
        options = {"client_keys": [pair], "signature_algs": [algorithm], "client_factory": Mute}
        if accepted:
            async with desk.login(**options):
                pass
        else:
            with pytest.raises(asyncssh.PermissionDenied):
                await desk.login(**options)


class Mute(asyncssh.SSHClient):
    """Forgets what the server said of signatures."""

    def connection_made(self, conn: asyncssh.SSHClientConnection) -> None:
        self._connection = conn

    def public_key_auth_requested(self) -> None:
        self._connection._server_sig_algs = set()


async def test_the_list_of_signatures_that_clients_are_told_has_no_sha1(tmp_path: Path) -> None:
    async with FrontDesk(tmp_path, {}).open() as desk:
        seen, _ = await seen_by(desk, USER, client_keys=[STRANGER])
    told = b"".join(payload for kind, payload in seen if kind == EXT_INFO)
    assert b"rsa-sha2-256" in told
    assert b"ssh-rsa" not in told
