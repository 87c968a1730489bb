"""Passwords from a file in htpasswd's form: `user:hash` lines, bcrypt or argon2id."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import argon2
import bcrypt
import structlog

from .password_checks import PasswordChecks
from .strict_modes import ExhaustedError, UnsafeFileError, read_strictly
from .usernames import is_valid_username, secret_fraction

_log = structlog.get_logger(__name__)
_BCRYPT = re.compile(r"\$2[aby]\$(0[4-9]|[12]\d|3[01])\$[./A-Za-z0-9]{53}", re.ASCII)
_BCRYPT_MAX_BYTES = 72
_Stamp = tuple[int, ...]


class PasswordFileError(ValueError):
    """The file cannot be used; the text is for the operator, names the line, and never holds a hash."""


@dataclass(frozen=True, slots=True)
class _Table:
    """The users of one state of the file."""

    stamp: _Stamp | None = None
    hashes: Mapping[str, str] = field(default_factory=dict)
    mode: int = 0


class PasswordFile:
    """One password file: made once at start, shared by every connection, read again when it changes.

    A file that became unusable admits nobody until it is repaired, and says so in the log.
    """

    def __init__(self, path: Path, checks: PasswordChecks | None = None) -> None:
        """Reads the file; raises PasswordFileError. `checks` are what files share."""
        self._path = path
        self._table = _load_at_start(path)
        self._checks = checks or PasswordChecks()

    async def verify(self, username: str, password: str, source: str = "") -> bool:
        """Whether the password is the user's. The same work is done for a user who does not exist.

        `source` is what is counted as the client's address. Called in the loop, which it never blocks. Raises
        ExhaustedError when the file has changed and nothing is left to read it with.
        """
        return await self._checks.run(source, username, lambda: self._verify(username, password))

    def close(self) -> None:
        """End the threads once they have finished what they are at; waiting attempts are dropped."""
        self._checks.close()

    def _verify(self, username: str, password: str) -> bool:
        table = self._current()
        known = username in table.hashes
        expected = table.hashes[username] if known else _decoy(table, username)
        return matches(expected, password) and known

    def _current(self) -> _Table:
        try:
            if self._table.stamp != _stamp(os.stat(self._path)):
                self._table = _load(self._path)
        except ExhaustedError as error:
            # It may be as good as before: it is read once that is possible.
            _log.error("login_not_checked", reason=str(error))
            raise
        except (PasswordFileError, OSError) as error:
            _log.error("passwords_unusable", file=str(self._path), reason=str(error))
            self._table = _Table()
        return self._table


def _decoy(table: _Table, username: str) -> str:
    """Somebody's hash, always the same for a name: its kind and cost then say nothing about the name."""
    candidates = list(table.hashes.values())
    return candidates[int(secret_fraction(username) * len(candidates))] if candidates else ""


def matches(expected: str, password: str) -> bool:
    """Check a password against a bcrypt or argon2id hash; nothing matches another. Not for the loop."""
    if expected.startswith("$argon2id$"):
        try:
            return argon2.PasswordHasher().verify(expected, _bytes_of(password))
        except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError):
            return False
    if expected.startswith("$2"):
        # bcrypt looks at 72 bytes; the module raises for more where htpasswd cuts.
        given = _bytes_of(password)[:_BCRYPT_MAX_BYTES]
        return bcrypt.checkpw(given, expected.encode()) and b"\0" not in given
    return False


def check_password_file(path: Path) -> str | None:
    """Read the file once; return what about it is dangerous, if anything. Blocks. Raises PasswordFileError."""
    return _danger(_load_at_start(path).mode)


def _bytes_of(password: str) -> bytes:
    """What the client sent: bytes that are no text are lone surrogates (PEP 383)."""
    try:
        return password.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return password.encode("utf-8", "replace")


def _load_at_start(path: Path) -> _Table:
    try:
        return _load(path, warn=False)
    except ExhaustedError as error:
        raise PasswordFileError(f"{path}: {error.strerror}") from error


def _load(path: Path, *, warn: bool = True) -> _Table:
    try:
        file = read_strictly(path, path.parent)
        text = file.data.decode("utf-8", "surrogateescape")
    except ExhaustedError:
        raise
    except UnsafeFileError as error:
        raise PasswordFileError(str(error)) from error
    except OSError as error:
        raise PasswordFileError(f"{path}: {error.strerror}") from error
    if warn and _danger(file.status.st_mode):
        _log.warning("passwords_world_readable", file=str(path), advice="chmod o-r")
    return _Table(_stamp(file.status), _parse(path, text), file.status.st_mode)


def _danger(mode: int) -> str | None:
    return "everybody on this machine can read the hashes; do: chmod o-r" if mode & stat.S_IROTH else None


def _stamp(status: os.stat_result) -> _Stamp:
    """Changes with the content, and with owner and mode, which are checked at each reading."""
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def _parse(path: Path, text: str) -> dict[str, str]:
    hashes: dict[str, str] = {}
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip() and not line.startswith("#"):
            username, _, hashed = line.strip().partition(":")
            fault = _fault(username, hashed, hashes)
            if fault is not None:
                raise PasswordFileError(f"{path}, line {number}: {fault}")
            hashes[username] = hashed
    return hashes


def _fault(username: str, hashed: str, earlier: Mapping[str, str]) -> str | None:
    if not is_valid_username(username):
        return "a line is USER:HASH, and USER is 1 to 64 of A-Z a-z 0-9 _ . @ - and starts with none of . @ -"
    if username in earlier:
        return f"user {username!r} is already on an earlier line"
    scheme = _scheme(hashed)
    if scheme in ("bcrypt", "argon2id"):
        return None if _is_complete(hashed) else f"the {scheme} hash is damaged"
    return f"{scheme} is not accepted; use bcrypt (htpasswd -B) or argon2id"


def _is_complete(hashed: str) -> bool:
    if _BCRYPT.fullmatch(hashed):
        return True
    try:
        argon2.extract_parameters(hashed)
    except argon2.exceptions.InvalidHashError:
        return False
    return True


def _scheme(hashed: str) -> str:
    """The hash's kind in words that hold no part of the hash itself."""
    if re.match(r"\$2[aby]\$", hashed):
        return "bcrypt"
    if match := re.match(r"\{[A-Za-z0-9-]{1,16}\}|\$[a-z0-9]{1,10}\$", hashed):
        return "argon2id" if match[0] == "$argon2id$" else match[0]
    return "crypt or plain text"
