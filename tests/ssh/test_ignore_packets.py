"""A packet goes out alone, but for ciphers that need an empty one in front of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import asyncssh
import pytest
from asyncssh.constants import MSG_IGNORE
from sshore.ssh.ignore_packets import drop_needless_ignores
from support.front_desk import FrontDesk


@pytest.mark.parametrize(
    "cipher", ["chacha20-poly1305@openssh.com", "aes128-gcm@openssh.com", "aes256-ctr"], ids=lambda name: name[:6]
)
async def test_no_empty_packet_comes_with_a_cipher_of_sshds(tmp_path: Path, cipher: str) -> None:
    async with FrontDesk(tmp_path, {}).open() as desk, desk.login(encryption_algs=[cipher]) as connection:
        ignored = _count_ignored(connection)
        for _ in range(3):
            await connection._make_global_request(b"keepalive@openssh.com")
        assert ignored == []


async def test_a_cipher_in_cbc_mode_keeps_them() -> None:
    class Server(asyncssh.SSHServer):
        def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
            drop_needless_ignores(conn)

        def begin_auth(self, username: str) -> bool:
            return False

    key = asyncssh.generate_private_key("ssh-ed25519")
    async with (
        await asyncssh.create_server(
            Server, "127.0.0.1", 0, server_host_keys=[key], encryption_algs=["aes128-cbc"]
        ) as server,
        asyncssh.connect(
            "127.0.0.1", server.get_port(), username="u", known_hosts=None, encryption_algs=["aes128-cbc"], config=None
        ) as connection,
    ):
        ignored = _count_ignored(connection)
        await connection._make_global_request(b"keepalive@openssh.com")
        assert ignored


def _count_ignored(connection: Any) -> list[int]:
    """Note every packet of that kind which the client gets from now on."""
    seen: list[int] = []
    logged = connection.log_received_packet

    def log_received_packet(pkttype: int, seq: int, packet: object, note: str = "") -> None:
        if pkttype == MSG_IGNORE:
            seen.append(seq)
        logged(pkttype, seq, packet, note)

    connection.log_received_packet = log_received_packet
    return seen
