"""Dropbear's client, which guesses the key exchange, against servers that prefer its guess, another or neither."""

from __future__ import annotations

import asyncio
from pathlib import Path

import asyncssh
import pytest
from sshore.ssh.kex_guess import judge_guesses

GUESS = "curve25519-sha256"
SECONDS = 10.0


class _OpenDoor(asyncssh.SSHServer):
    """Lets everybody in."""

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        judge_guesses(conn)

    def begin_auth(self, username: str) -> bool:
        return False


def _exit(process: asyncssh.SSHServerProcess[str]) -> None:
    process.exit(7)


@pytest.mark.parametrize("host_key", ["ssh-ed25519", "ecdsa-sha2-nistp256"])
@pytest.mark.parametrize("exchanges", [[GUESS], ["ecdh-sha2-nistp256", GUESS], ["diffie-hellman-group14-sha256"]])
async def test_a_guess_is_wrong_unless_both_prefer_the_same(
    host_key: str, exchanges: list[str], tmp_path: Path
) -> None:
    listener = await asyncssh.create_server(
        _OpenDoor,
        "127.0.0.1",
        0,
        server_host_keys=[asyncssh.generate_private_key(host_key)],
        kex_algs=exchanges,
        process_factory=_exit,
    )
    async with listener:
        dbclient = ["env", f"HOME={tmp_path}", "dbclient", "-y", "-y", "-p", str(listener.get_port()), "demo@127.0.0.1"]
        client = await asyncio.create_subprocess_exec(
            *dbclient,
            "true",
            stdin=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        _, said = await asyncio.wait_for(client.communicate(), SECONDS)
        assert client.returncode == 7, said
