"""What waits in a channel, in few pieces: asyncssh keeps a byte that came alone for a hundred times its size."""

from __future__ import annotations

from typing import TypeAlias

import asyncssh

PIECE = 32 * 1024
"""Bytes up to which pieces are put together."""

_Entry: TypeAlias = tuple[bytes | bytearray, int | None]


class MergedBuffer(list[_Entry]):
    """A list of data and its type, as asyncssh keeps it, whose `append` lengthens the last piece if it can.

    A window of 2 MiB full of single bytes is one list of two million entries else, from whose front asyncssh takes them
    one by one.
    """

    def append(self, entry: _Entry) -> None:
        data, datatype = entry
        last, last_type = self[-1] if self else (b"", None)
        if isinstance(last, bytearray) and last_type == datatype and len(last) + len(data) <= PIECE:
            last += data
        else:
            super().append((data if len(data) >= PIECE else bytearray(data), datatype))


def merge_what_waits(channel: asyncssh.SSHServerChannel[bytes]) -> None:
    """Have both of a channel's buffers keep little more than the bytes in them. Loop only, before anything waits."""
    assert not channel._recv_buf
    assert not channel._send_buf
    channel._recv_buf = MergedBuffer()  # type: ignore[assignment]  # asyncssh only appends, takes and deletes
    channel._send_buf = MergedBuffer()  # type: ignore[assignment]  # the same
