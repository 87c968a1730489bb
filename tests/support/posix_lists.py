"""Files that are given to somebody by a POSIX list, as systemd gives credentials to a service's user (acl(5))."""

from __future__ import annotations

import os
import struct
from pathlib import Path

_HOLDERS = {"user": 0x02, "group": 0x08}
_NOBODY = 2**32 - 1
_READ = 4


def give(path: Path, holder: str, number: int, *, owning_group: int = 0) -> None:
    """Let a `user` or `group` read the file, besides its owner; `owning_group` is what its own group may do."""
    without_number = ((0x01, _READ), (0x04, owning_group), (0x10, _READ), (0x20, 0))
    entries = [(*entry, _NOBODY) for entry in without_number]
    entries.append((_HOLDERS[holder], _READ, number))
    entries.sort()
    packed = b"".join(struct.pack("<HHI", *entry) for entry in entries)
    os.setxattr(path, "system.posix_acl_access", struct.pack("<I", 2) + packed)
