"""The algorithms of OpenSSH 10's sshd by default (sshd_config(5)), as far as asyncssh has them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import asyncssh
from asyncssh.encryption import get_encryption_algs
from asyncssh.kex import get_kex_algs
from asyncssh.mac import get_mac_algs
from asyncssh.public_key import get_public_key_algs

from ..config.key_exchanges import DEFAULT

_CIPHERS = (
    "chacha20-poly1305@openssh.com",
    "aes128-gcm@openssh.com",
    "aes256-gcm@openssh.com",
    "aes128-ctr",
    "aes192-ctr",
    "aes256-ctr",
)
_MACS = (
    "umac-64-etm@openssh.com",
    "umac-128-etm@openssh.com",
    "hmac-sha2-256-etm@openssh.com",
    "hmac-sha2-512-etm@openssh.com",
    "hmac-sha1-etm@openssh.com",
    "umac-64@openssh.com",
    "umac-128@openssh.com",
    "hmac-sha2-256",
    "hmac-sha2-512",
    "hmac-sha1",
)
_SIGNATURES = (
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
    "rsa-sha2-512",
    "rsa-sha2-256",
)
"""Not `ssh-rsa`, which signs SHA-1."""


def algorithm_options(exchanges: Iterable[str] = DEFAULT) -> dict[str, list[str]]:
    """Return asyncssh's options for a listener with these key exchanges."""
    return {
        "kex_algs": _known(exchanges, get_kex_algs()),
        "encryption_algs": _known(_CIPHERS, get_encryption_algs()),
        "mac_algs": _known(_MACS, get_mac_algs()),
        "signature_algs": _known(_SIGNATURES, get_public_key_algs()),
    }


def accept_sound_signatures_only(key: asyncssh.SSHKey) -> None:
    """Let a client's key verify no signature with SHA-1: asyncssh's `signature_algs` is for hosts' only."""
    key.all_sig_algorithms = key.all_sig_algorithms & {name.encode() for name in _SIGNATURES}


def host_key_pairs(keys: Sequence[asyncssh.SSHKey]) -> list[asyncssh.SSHKeyPair]:
    """Return the keys as what a listener takes, without algorithms that are not in the list."""
    pairs = list(asyncssh.load_keypairs(keys))
    for pair in pairs:
        known = _known(_SIGNATURES, pair.host_key_algorithms)
        pair.host_key_algorithms = [name.encode() for name in known]
    return pairs


def _known(wanted: Iterable[str], available: Iterable[bytes]) -> list[str]:
    names = {name.decode() for name in available}
    return [name for name in wanted if name in names]
