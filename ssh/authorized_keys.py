"""Authorized-keys files: which one is a user's, which keys are in it, what a key permits.

The format is sshd(8)'s, AUTHORIZED_KEYS FILE FORMAT. A key is compared by its blob (RFC 4253, 6.6), so the
other lines of a file are never decoded as keys, and what is wrong with them cannot matter.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import structlog

from .key_options import KeyOptionError, KeyPermissions, parse_key_options
from .strict_modes import read_strictly

_log = structlog.get_logger(__name__)
_KEY = re.compile(r"(?P<algorithm>[A-Za-z0-9@.-]+)[ \t]+(?P<blob>[A-Za-z0-9+/]+={0,2})(?=[ \t]|$)")
_OPTIONS = re.compile(r'((?>\\"|"(?>\\"|[^"])*+"|[^ \t"])++)[ \t]+')
_ESCAPE = re.compile(r"%(.?)", re.DOTALL)


class KeyFilePattern:
    """Where authorized-keys files are: a path in which `%u` is the user's name and `%%` a percent sign."""

    def __init__(self, pattern: str) -> None:
        """Raises ValueError, with a sentence for the operator, for any other escape."""
        self._pattern = pattern
        self.base = self._fixed_folder()

    def path(self, username: str) -> Path:
        """The user's file. The name must be valid (`usernames.py`): it is not looked at again."""
        return Path(self._expand(self._pattern, username))

    def _fixed_folder(self) -> Path:
        """The directory in front of the first component with a `%u`: the operator's own."""
        marked = Path(self._expand(self._pattern, "\0"))
        fixed = [part for part in (marked, *marked.parents) if "\0" not in str(part)]
        return marked.parent if fixed[0] == marked else fixed[0]

    @staticmethod
    def _expand(pattern: str, username: str) -> str:
        values = {"u": username, "%": "%"}

        def value(match: re.Match[str]) -> str:
            if match[1] not in values:
                raise ValueError(f"{pattern}: only %u (the user's name) and %% are known, not {match[0]!r}")
            return values[match[1]]

        return _ESCAPE.sub(value, pattern)


@dataclass(frozen=True, slots=True)
class KeyEntry:
    """One line of a file: its number from 1, the options' text in front of the key, the key's blob."""

    line: int
    options: str
    blob: bytes


@dataclass(frozen=True, slots=True)
class AuthorizedKeys:
    """The keys of one file."""

    path: Path
    entries: tuple[KeyEntry, ...] = ()

    @classmethod
    def read(cls, path: Path, base: Path) -> AuthorizedKeys:
        """Read a file that passes StrictModes below `base`; blocks; raises UnsafeFileError or OSError."""
        return cls.parse(path, read_strictly(path, base).data)

    @classmethod
    def parse(cls, path: Path, data: bytes) -> AuthorizedKeys:
        """Take a file's content. Lines that are no key are logged and skipped."""
        lines = enumerate(data.split(b"\n"), start=1)
        return cls(path, tuple(_entries(path, ((number, line.strip()) for number, line in lines))))

    def permissions(self, blob: bytes, address: str, now: datetime) -> KeyPermissions | None:
        """What the first usable line with this key permits to a client from this address, else None."""
        for entry in self.entries:
            if entry.blob == blob:
                permissions = self._usable(entry, address, now)
                if permissions is not None:
                    return permissions
        return None

    def _usable(self, entry: KeyEntry, address: str, now: datetime) -> KeyPermissions | None:
        try:
            options = parse_key_options(entry.options)
            reason = options.refusal(address, now)
        except KeyOptionError as error:
            reason = str(error)
        if reason is None:
            return options.permissions
        _log.warning("authorized_key_refused", file=str(self.path), line=entry.line, reason=reason, address=address)
        return None


def _entries(path: Path, lines: Iterable[tuple[int, bytes]]) -> Iterable[KeyEntry]:
    for number, line in lines:
        if not line or line.startswith(b"#"):
            continue
        try:
            # Bytes that are no text, in a comment or a command, are kept as they are (PEP 383).
            yield _parse_line(number, line.decode("utf-8", "surrogateescape"))
        except ValueError as error:
            _log.warning("authorized_key_skipped", file=str(path), line=number, reason=str(error))


def _parse_line(number: int, line: str) -> KeyEntry:
    """A key, or options and a key: tried in this order, as sshd does. Raises ValueError."""
    blob = _read_blob(line)
    if blob is not None:
        return KeyEntry(number, "", blob)
    options = _OPTIONS.match(line)
    blob = None if options is None else _read_blob(line[options.end() :])
    if options is None or blob is None:
        raise ValueError("not a key")
    return KeyEntry(number, options[1], blob)


def _read_blob(text: str) -> bytes | None:
    """The decoded blob, if the text starts with an algorithm and a blob that begins with the same name."""
    match = _KEY.match(text)
    if match is None:
        return None
    try:
        blob = base64.b64decode(match["blob"], validate=True)
    except binascii.Error:
        return None
    name = match["algorithm"].encode()
    return blob if blob.startswith(len(name).to_bytes(4, "big") + name) else None
