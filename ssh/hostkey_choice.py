"""Which host key a key exchange is signed with, and how."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import asyncssh


def choose_own_host_key(connection: asyncssh.SSHServerConnection) -> None:
    """Have this connection choose a host key that is its own. Loop only.

    asyncssh notes in the pair, which all connections share, what an RSA key is to sign with, and signs a round trip
    later: meanwhile another client may have chosen something else, and the first would read a wrong signature.
    """

    def choose(peer_host_key_algs: Sequence[bytes]) -> bool:
        known = connection._server_host_keys
        algorithm = next((one for one in peer_host_key_algs if one in known), None)
        if algorithm is None:
            return False
        connection._server_host_key = signing_with(known[algorithm], algorithm)
        return True

    connection.choose_server_host_key = choose  # type: ignore[method-assign]  # there is no hook


def signing_with(pair: asyncssh.SSHKeyPair, algorithm: bytes) -> asyncssh.SSHKeyPair:
    """Return a pair of one's own that signs with `algorithm`."""
    own = copy.copy(pair)
    if algorithm != own.algorithm:
        own.set_sig_algorithm(algorithm)
    return own
