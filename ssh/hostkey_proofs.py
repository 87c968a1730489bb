"""Proofs of host keys for OpenSSH's UpdateHostKeys (its PROTOCOL, section 2.5)."""

from __future__ import annotations

import asyncssh
from asyncssh.packet import SSHPacket, String

from .hostkey_choice import signing_with

_REQUEST = "hostkeys-prove-00@openssh.com"
_HANDLER = "_process_hostkeys_prove_00_at_openssh_dot_com_global_request"
_RSA = b"rsa-sha2-"
_COOKIE = 16


def answer_proofs(connection: asyncssh.SSHServerConnection) -> None:
    """Prove host keys to a client that has logged in. Loop only.

    asyncssh signs for as many keys as a packet has room for, at some milliseconds each, and for an RSA key with SHA-1,
    which OpenSSH's client does not take.
    """

    def prove(packet: SSHPacket) -> None:
        keys, wanted = connection._all_server_host_keys, []
        while packet:
            wanted.append(packet.get_string())
        if len(wanted) > len(keys) or not all(data in keys for data in wanted):
            connection._report_global_response(False)
            return
        said = String(_REQUEST) + String(connection._session_id)
        algorithm = _algorithm_of_rsa(connection)
        proofs = [_signature(keys[data], algorithm, said + String(data)) for data in wanted]
        connection._report_global_response(b"".join(map(String, proofs)))

    setattr(connection, _HANDLER, prove)


def _signature(pair: asyncssh.SSHKeyPair, algorithm: bytes, data: bytes) -> bytes:
    return (signing_with(pair, algorithm) if algorithm in pair.host_key_algorithms else pair).sign(data)


def _algorithm_of_rsa(connection: asyncssh.SSHServerConnection) -> bytes:
    """Return the algorithm of the key exchange, if that was with RSA, as the client then expects; else the stronger."""
    packet = SSHPacket(connection._client_kexinit)
    packet.get_byte()
    packet.get_bytes(_COOKIE)
    packet.get_namelist()
    chosen = next((name for name in packet.get_namelist() if name in connection._server_host_keys), b"")
    return chosen if chosen.startswith(_RSA) else _RSA + b"512"
