"""POSIX access control lists as Linux keeps them, in the attribute `system.posix_acl_access` (acl(5))."""

from __future__ import annotations

import os
import stat
import struct
from collections.abc import Iterator

_ATTRIBUTE = "system.posix_acl_access"
_HEADER = struct.Struct("<I")
_ENTRY = struct.Struct("<HHI")
_VERSION = 2
_USER_OBJ, _USER, _MASK = 0x01, 0x02, 0x10


def open_to_others(descriptor: int, status: os.stat_result) -> bool:
    """Whether anybody but the owner, root and this process's user may do anything with the file.

    With a list the mode's group bits are its mask: they say what a named user may get at most, and systemd gives its
    credentials to a service's user that way.
    """
    if not status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        return False
    try:
        entries = list(_entries(os.getxattr(descriptor, _ATTRIBUTE)))
    except (OSError, struct.error):
        return True
    return any(allowed and not _is_own(tag, number) for tag, allowed, number in entries if tag != _MASK)


def _is_own(tag: int, number: int) -> bool:
    return tag == _USER_OBJ or (tag == _USER and number in (0, os.geteuid()))


def _entries(data: bytes) -> Iterator[tuple[int, int, int]]:
    if _HEADER.unpack_from(data) != (_VERSION,):
        raise struct.error("another version")
    yield from _ENTRY.iter_unpack(data[_HEADER.size :])
