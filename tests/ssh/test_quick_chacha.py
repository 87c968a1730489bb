"""The cipher with contexts that live as long as their keys is the one that OpenSSH speaks."""

from __future__ import annotations

from pathlib import Path

from asyncssh.crypto.chacha import ChachaCipher
from hypothesis import given
from hypothesis import strategies as st
from sshore.ssh.quick_chacha import QuickChacha
from support.client import eventually
from support.front_desk import FrontDesk

KEY = bytes(range(64))
_headers = st.binary(min_size=4, max_size=4)
_packets = st.lists(st.tuples(_headers, st.binary(max_size=200), st.integers(0, 2**32 - 1)), min_size=1, max_size=5)


def _pair() -> tuple[QuickChacha, ChachaCipher]:
    theirs = ChachaCipher(KEY)
    return QuickChacha(theirs._key, theirs._adkey), theirs


@given(_packets)
def test_it_encrypts_as_asyncssh_does(packets: list[tuple[bytes, bytes, int]]) -> None:
    ours, theirs = _pair()
    for header, data, number in packets:
        nonce = number.to_bytes(8, "big")
        assert ours.encrypt_and_sign(header, data, nonce) == theirs.encrypt_and_sign(header, data, nonce)


@given(_packets)
def test_it_decrypts_what_asyncssh_encrypted(packets: list[tuple[bytes, bytes, int]]) -> None:
    ours, theirs = _pair()
    for header, data, number in packets:
        nonce = number.to_bytes(8, "big")
        encrypted, tag = theirs.encrypt_and_sign(header, data, nonce)
        assert ours.decrypt_header(encrypted[:4], nonce) == header
        assert ours.verify_and_decrypt(encrypted[:4], encrypted[4:], nonce, tag) == data


@given(_packets, st.integers(0, 127))
def test_it_takes_no_packet_that_was_changed(packets: list[tuple[bytes, bytes, int]], bit: int) -> None:
    ours, theirs = _pair()
    for header, data, number in packets:
        nonce = number.to_bytes(8, "big")
        encrypted, tag = theirs.encrypt_and_sign(header, data, nonce)
        wrong = (int.from_bytes(tag, "big") ^ (1 << bit)).to_bytes(16, "big")
        assert ours.verify_and_decrypt(encrypted[:4], encrypted[4:], nonce, wrong) is None
        other = (number + 1).to_bytes(8, "big")
        assert ours.verify_and_decrypt(encrypted[:4], encrypted[4:], other, tag) is None


async def test_a_server_uses_it_from_the_first_key_exchange_on_and_after_every_other(tmp_path: Path) -> None:
    async with (
        FrontDesk(tmp_path, {}).open() as desk,
        desk.login(encryption_algs=["chacha20-poly1305@openssh.com"]) as connection,
    ):
        [guest] = desk.listener._limits.admission.guests()
        server = guest._connection  # type: ignore[attr-defined]  # a test looks inside
        first = server._send_encryption._cipher
        assert isinstance(first, QuickChacha)
        assert isinstance(server._recv_encryption._cipher, QuickChacha)
        connection._rekey_bytes_sent = connection._rekey_bytes
        await connection._make_global_request(b"keepalive@openssh.com")
        await eventually(lambda: server._send_encryption._cipher is not first, "the second key exchange")
        await connection._make_global_request(b"keepalive@openssh.com")
        assert isinstance(server._send_encryption._cipher, QuickChacha)
        assert isinstance(server._recv_encryption._cipher, QuickChacha)
