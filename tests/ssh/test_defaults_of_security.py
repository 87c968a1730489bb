"""What the listener offers and gives away before anybody has logged in, and what reaches the log of it."""

from __future__ import annotations

import asyncio
import io
import logging
import re
import struct
from collections.abc import Iterable
from pathlib import Path

import asyncssh
import pytest
import structlog
from asyncssh.packet import NameList, SSHPacket, String, UInt32
from sshore.config.logs import configure_logging
from sshore.config.models import LogConfig
from support.client import SECONDS
from support.front_desk import FrontDesk

_KEXINIT = 20
_IGNORE = 2
_USERAUTH_REQUEST = 50
_STRICT_CLIENT = b"kex-strict-c-v00@openssh.com"
_STRICT_SERVER = b"kex-strict-s-v00@openssh.com"
_CIPHERS_AND_MACS = [[b"aes128-ctr"], [b"aes128-ctr"], [b"hmac-sha2-256"], [b"hmac-sha2-256"]]
_WEAK = re.compile(rb"sha1$|^ssh-rsa$|^ssh-dss$|-cbc|arcfour|3des|md5|^gss-|-96|^none$")


def packet(payload: bytes) -> bytes:
    """An unencrypted packet (RFC 4253 §6)."""
    padding = 8 - (5 + len(payload)) % 8 + 8
    return struct.pack(">IB", 1 + len(payload) + padding, padding) + payload + bytes(padding)


def kexinit(*lists: Iterable[bytes]) -> bytes:
    """A KEXINIT with these lists, the first of ten, and no guess."""
    filled = [*lists, *([b"none"] for _ in range(10 - len(lists)))]
    return bytes([_KEXINIT]) + bytes(16) + b"".join(map(NameList, filled)) + b"\0" + UInt32(0)


async def server_lists(reader: asyncio.StreamReader) -> tuple[bytes, list[list[bytes]]]:
    """The server's version and the name lists of its KEXINIT."""
    version = (await reader.readline()).rstrip()
    length, padding = struct.unpack(">IB", await reader.readexactly(5))
    body = SSHPacket((await reader.readexactly(length - 1))[: -padding or None])
    assert body.get_byte() == _KEXINIT
    body.get_bytes(16)
    return version, [list(body.get_namelist()) for _ in range(10)]


async def test_the_algorithms_are_those_of_openssh(tmp_path: Path) -> None:
    async with FrontDesk(tmp_path, {}).open() as desk:
        reader, writer = await desk.socket()
        writer.write(b"SSH-2.0-test\r\n")
        _, (kex, host_keys, ciphers, ciphers_out, macs, macs_out, *_) = await server_lists(reader)
        writer.close()
    assert kex[:2] == [b"mlkem768x25519-sha256", b"curve25519-sha256"]
    assert _STRICT_SERVER in kex
    assert host_keys == [b"ssh-ed25519"]
    assert (ciphers, macs) == (ciphers_out, macs_out)
    assert [name for name in (*kex, *host_keys, *ciphers) if _WEAK.search(name)] == []
    # As in OpenSSH: the hash is sound as a MAC.
    assert [name for name in macs if _WEAK.search(name)] == [b"hmac-sha1"]


async def test_a_host_key_of_rsa_signs_no_sha1(tmp_path: Path) -> None:
    desk = FrontDesk(tmp_path, {})
    ssh = desk.config.ssh.model_copy(update={"hostkeys": []})
    desk.config = desk.config.model_copy(update={"ssh": ssh})
    async with desk.open():
        reader, writer = await desk.socket()
        writer.write(b"SSH-2.0-test\r\n")
        _, (_, host_keys, *_) = await server_lists(reader)
        writer.close()
    assert host_keys == [b"ssh-ed25519", b"ecdsa-sha2-nistp256", b"rsa-sha2-512", b"rsa-sha2-256"]


@pytest.mark.parametrize("where", ["before", "behind"])
async def test_a_packet_that_strict_kex_forbids_ends_the_connection(tmp_path: Path, where: str) -> None:
    intruder = packet(bytes([_IGNORE]) + UInt32(0))
    lists = packet(kexinit([b"curve25519-sha256", _STRICT_CLIENT], [b"ssh-ed25519"], *_CIPHERS_AND_MACS))
    async with FrontDesk(tmp_path, {}).open() as desk:
        reader, writer = await desk.socket()
        writer.write(b"SSH-2.0-test\r\n" + (intruder + lists if where == "before" else lists + intruder))
        said = await asyncio.wait_for(reader.read(), SECONDS)
        await desk.until_connected(0)
    assert b"Strict key exchange violation" in said


async def test_openssh_speaks_strict_kex_with_it(tmp_path: Path) -> None:
    async with FrontDesk(tmp_path, {}).open() as desk:
        _, said = await desk.openssh("-vvv", "127.0.0.1", "true")
        version = await asyncio.create_subprocess_exec("ssh", "-V", stderr=asyncio.subprocess.PIPE)
        _, client = await version.communicate()
    if re.search(rb"OpenSSH_9\.[6-9]|OpenSSH_9\.2p1 Debian-2\+deb12u[2-9]|deb12u1\d", client):
        assert "will use strict KEX ordering" in said
    assert _STRICT_SERVER.decode() in said


async def test_the_version_names_neither_library_nor_number(tmp_path: Path) -> None:
    async with FrontDesk(tmp_path, {}).open() as desk:
        reader, writer = await desk.socket()
        assert await reader.readline() == b"SSH-2.0-sshore\r\n"
        writer.close()


async def test_there_is_no_banner_unless_configured(tmp_path: Path) -> None:
    banners: list[str] = []

    class Reader(asyncssh.SSHClient):
        def auth_banner_received(self, msg: str, lang: str) -> None:
            banners.append(msg)

    async with FrontDesk(tmp_path, {}).open() as desk, desk.login(client_factory=Reader):
        pass
    assert banners == []


NASTY = "a\nevent=forged\x1b[2J\x07\u202eb"


class Liar(asyncssh.SSHClient):
    """Says a user name that no client of this library would send."""

    def connection_made(self, conn: asyncssh.SSHClientConnection) -> None:
        self._connection = conn

    def password_auth_requested(self) -> str:
        self._connection.send_packet(_USERAUTH_REQUEST, String(NASTY), String("ssh-connection"), String("none"))
        return ""


@pytest.mark.parametrize("form", ["text", "json"])
async def test_nothing_that_a_client_says_reaches_the_log_as_it_is(tmp_path: Path, form: str) -> None:
    stream = io.StringIO()
    configure_logging(LogConfig.model_validate({"format": form, "level": "debug"}), stream)
    try:
        desk = FrontDesk(tmp_path, {"maxEnv": 1, "maxCommandLength": 100})
        desk.book.log = structlog.get_logger()
        async with desk.open(), desk.login() as connection:
            await connection.run(NASTY, env={NASTY: NASTY, "B": NASTY})
            await connection.run(NASTY * 100)
            with pytest.raises(asyncssh.ChannelOpenError):
                await connection.open_connection(NASTY, 1)
            with pytest.raises(asyncssh.ChannelOpenError):
                await connection.run(subsystem=NASTY)
            connection.disconnect(asyncssh.DISC_AUTH_CANCELLED_BY_USER, NASTY)
            await connection.wait_closed()
            with pytest.raises(asyncssh.Error):
                await desk.login(client_keys=None, client_factory=Liar)
        logging.getLogger().handlers[0].flush()
    finally:
        structlog.reset_defaults()
    log = stream.getvalue()
    assert "forged" in log
    assert [line for line in log.splitlines() if line.startswith("event=forged") or not line] == []
    assert [character for character in log if not character.isprintable() and character != "\n"] == []
