"""Which user names may reach the file system, and what hides whether a name is known."""

from __future__ import annotations

import hashlib
import os
import re

_VALID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@-]{0,63}", re.ASCII)
_LONGEST_SHOWN = 64
_SECRET = os.urandom(16)


def is_valid_username(username: str) -> bool:
    """Whether the name is safe as one path component: 1 to 64 of `[A-Za-z0-9_.@-]`, not starting with `.@-`.

    asyncssh hands user names over as the client sent them, `../../x` included. Any thread may call this.
    """
    return _VALID.fullmatch(username) is not None


def shortened_name(username: str) -> str:
    """The name for a line of the log: a client that is nobody yet may say one of 64 KiB, again and again."""
    return username if len(username) <= _LONGEST_SHOWN else f"{username[:_LONGEST_SHOWN]}…"


def secret_fraction(username: str) -> float:
    """A number in [0, 1) that stays with the name as long as this process lives, and that no client can know.

    What differs from name to name by it tells nothing, however often it is measured. Any thread may call this.
    """
    digest = hashlib.blake2b(username.encode("utf-8", "replace"), key=_SECRET, digest_size=4).digest()
    return int.from_bytes(digest, "big") / 2**32
