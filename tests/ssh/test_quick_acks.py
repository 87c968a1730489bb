"""Acknowledgements while a client logs in, on real TCP connections."""

import socket
from collections.abc import Callable

import asyncssh
from sshore.ssh.quick_acks import QuickAcks


class _Noting(asyncssh.SSHServer):
    """Notes after every read of a login whether the kernel acknowledges at once."""

    def __init__(self, quick: bool) -> None:
        self.quick = quick
        self.acks: list[int] = []
        self.restored = False

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._connection = conn
        self._quick_acks = QuickAcks(conn) if self.quick else None
        conn.data_received = self._noting(conn, conn.data_received)

    def auth_completed(self) -> None:
        if self._quick_acks:
            self._quick_acks.stop()
            self._quick_acks.stop()
            self.restored = self._connection.data_received.__func__ is asyncssh.SSHServerConnection.data_received

    def begin_auth(self, username: str) -> bool:
        return True

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        return True

    def _noting(self, conn: asyncssh.SSHServerConnection, receive: Callable[..., None]) -> Callable[..., None]:
        connection_socket = conn.get_extra_info("socket")

        def received(data: bytes, datatype: int | None = None) -> None:
            receive(data, datatype)
            self.acks.append(connection_socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK))

        return received


async def _login(quick: bool) -> _Noting:
    owner = _Noting(quick)
    key = asyncssh.generate_private_key("ssh-ed25519")
    async with (
        await asyncssh.create_server(lambda: owner, "127.0.0.1", 0, server_host_keys=[key]) as server,
        asyncssh.connect(
            "127.0.0.1",
            server.get_port(),
            username="alice",
            client_keys=[key],
            known_hosts=None,
            agent_path=None,
            config=None,
        ),
    ):
        return owner


async def test_every_read_of_a_login_is_acknowledged_at_once():
    owner = await _login(quick=True)
    assert len(owner.acks) >= 3
    assert all(owner.acks)


async def test_without_it_the_kernel_delays_some():
    owner = await _login(quick=False)
    assert not all(owner.acks)


async def test_after_the_login_reads_go_straight_to_asyncssh_again():
    assert (await _login(quick=True)).restored
