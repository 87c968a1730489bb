"""OpenSSH's client learns of a new host key while it still trusts the old one."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, cast

import asyncssh
from asyncssh.constants import MSG_GLOBAL_REQUEST, MSG_REQUEST_FAILURE
from asyncssh.packet import Boolean, String
from support.client import SECONDS, eventually
from support.front_desk import USER, FrontDesk
from support.wire import wire


def desk_with(folder: Path, keys: list[asyncssh.SSHKey]) -> FrontDesk:
    desk = FrontDesk(folder, {})
    texts = [key.export_private_key().decode() for key in keys]
    ssh = desk.config.ssh.model_copy(update={"hostkeys": texts})
    desk.config = desk.config.model_copy(update={"ssh": ssh})
    return desk


def blob(key: asyncssh.SSHKey) -> str:
    return key.export_public_key().decode().split()[1]


async def test_a_client_that_knows_the_old_key_learns_the_new_ones(tmp_path: Path) -> None:
    old, new = (asyncssh.generate_private_key("ssh-ed25519") for _ in range(2))
    rsa = asyncssh.generate_private_key("ssh-rsa", key_size=2048)
    async with desk_with(tmp_path, [old, new, rsa]).open() as desk:
        known = tmp_path / "known_hosts"
        known.write_text(f"[127.0.0.1]:{desk.listener.port} ssh-ed25519 {blob(old)}\n")
        ssh = await asyncio.create_subprocess_exec(
            *("ssh", "-F", "none", "-T", "-p", str(desk.listener.port), "-o", "StrictHostKeyChecking=yes"),
            *("-o", f"UserKnownHostsFile={known}", "-o", "UpdateHostKeys=yes", "-o", "IdentitiesOnly=yes"),
            *("-o", "HashKnownHosts=no", "-o", "BatchMode=yes", "-o", f"User={USER}", "-i", str(tmp_path / "id")),
            *("-v", "127.0.0.1", "cat"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=(tmp_path / "said").open("wb"),
        )
        try:
            await eventually(
                lambda: all(blob(key) in known.read_text() for key in (old, new, rsa)),
                lambda: known.read_text() + (tmp_path / "said").read_text(),
            )
        finally:
            await asyncio.wait_for(ssh.communicate(b""), SECONDS)
        assert ssh.returncode == 0


async def test_no_more_proofs_are_given_at_once_than_there_are_keys(tmp_path: Path) -> None:
    key = asyncssh.generate_private_key("ssh-ed25519")
    async with desk_with(tmp_path, [key]).open() as desk, wire(desk.login()) as w:
        own = String(cast(Any, key).public_data)
        w.send(MSG_GLOBAL_REQUEST, String("hostkeys-prove-00@openssh.com"), Boolean(True), own, own)
        await w.until(MSG_REQUEST_FAILURE)
        assert (await w.fate())[0]
