"""The first bytes of a connection: the lines in which both sides say their versions (RFC 4253 §4.2)."""

from __future__ import annotations

import os

LONGEST_LINE = 255
"""Bytes, its end included."""
INVALID = b"Invalid SSH identification string.\r\n"
"""What sshd answers to anything else."""
_STARTS = (b"SSH-2.0-", b"SSH-1.99-")
_MSG_DISCONNECT = 1
_BLOCK = 8
_LEAST_PADDING = 4


def identification(software: str) -> bytes:
    """Return the server's line."""
    return f"SSH-2.0-{software}\r\n".encode("ascii")


def is_complete(said: bytes) -> bool:
    """Whether a client has said its line, whatever comes after it."""
    return b"\n" in said[:LONGEST_LINE]


def has_more(said: bytes) -> bool:
    """Whether a client has gone on after its line."""
    return is_complete(said) and said.index(b"\n") + 1 < len(said)


def may_become_valid(said: bytes) -> bool:
    """Whether what a client has said so far is a line that can be served, or the beginning of one."""
    begins = any(said.startswith(start) or start.startswith(said) for start in _STARTS)
    return begins and (is_complete(said) or len(said) < LONGEST_LINE)


def farewell(code: int, sentence: str) -> bytes:
    """Return a disconnect message as it is before any key exchange (RFC 4253 §6, §11.1)."""
    text = sentence.encode()
    payload = b"".join((bytes([_MSG_DISCONNECT]), code.to_bytes(4, "big"), _string(text), _string(b"en-US")))
    padding = _BLOCK - (len(payload) + 5) % _BLOCK
    if padding < _LEAST_PADDING:
        padding += _BLOCK
    length = 1 + len(payload) + padding
    return length.to_bytes(4, "big") + bytes([padding]) + payload + os.urandom(padding)


def _string(data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + data
