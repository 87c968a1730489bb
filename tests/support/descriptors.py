"""A process whose descriptors run out in the middle of a login."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

import asyncssh

T = TypeVar("T")
_FEWER_THAN_ARE_OPEN = 3


class Exhausting(asyncssh.SSHClient):
    """Has a key or a password; just before it is used this process, the server's too, can open nothing more."""

    def __init__(self, *, key: asyncssh.SSHKey | None = None, password: str | None = None) -> None:
        self._key, self._password = key, password

    def public_key_auth_requested(self) -> asyncssh.SSHKey | None:
        key, self._key = self._key, None
        return key and _let_run_out(key)

    def password_auth_requested(self) -> str | None:
        password, self._password = self._password, None
        return password and _let_run_out(password)


@contextmanager
def descriptors_back() -> Iterator[None]:
    """After the block there are as many as before."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def _let_run_out(result: T) -> T:
    resource.setrlimit(resource.RLIMIT_NOFILE, (_FEWER_THAN_ARE_OPEN, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    return result
