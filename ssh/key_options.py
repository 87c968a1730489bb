"""The options in front of a key in an authorized-keys file (sshd(8), AUTHORIZED_KEYS FILE FORMAT).

An option that cannot be honoured refuses its key: whoever wrote it meant to restrict something.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType

from .source_patterns import SourcePatternError, SourcePatterns

# Possessive, so that an escaped quote is never given back and taken for the closing one.
_OPTION = re.compile(r'(?P<name>[A-Za-z0-9-]++)(?:="(?P<value>(?>\\"|[^"])*+)")?+')
_ENVIRONMENT = re.compile(r"([A-Za-z0-9_]+)=(.*)", re.DOTALL | re.ASCII)
_EXPIRY = re.compile(r"(\d{8})(?:(\d{4})(\d{2})?)?(Z?)", re.ASCII)
_NOTHING_TO_PERMIT = frozenset(
    prefix + feature
    for feature in ("agent-forwarding", "port-forwarding", "x11-forwarding", "user-rc")
    for prefix in ("", "no-")
)


class KeyOptionError(ValueError):
    """An option is unknown, malformed or cannot be honoured; the text names it and never holds its value."""


@dataclass(frozen=True, slots=True)
class KeyPermissions:
    """What the owner of a key may do.

    `command` replaces whatever command, shell or subsystem is asked for; `pty` says whether there may be a
    terminal; `environment` is set for programs and wins over what the client sends.
    """

    command: str | None = None
    pty: bool = True
    environment: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


UNRESTRICTED = KeyPermissions()


@dataclass(frozen=True, slots=True)
class KeyOptions:
    """The options of one key: what it permits, from where (None: anywhere), until when (None: for ever)."""

    permissions: KeyPermissions = UNRESTRICTED
    sources: SourcePatterns | None = None
    expires: datetime | None = None

    def refusal(self, address: str, now: datetime) -> str | None:
        """Why a client from this address may not use the key at this (aware) time, or None: he may."""
        if self.expires is not None and now > self.expires:
            return "the key has expired"
        if self.sources is not None and not self.sources.match(address):
            return "the key may not be used from this address"
        return None


def parse_key_options(text: str) -> KeyOptions:
    """Take the options' text as it stands before the key, empty for none. Raises KeyOptionError."""
    draft = _Draft()
    for name, value in _split(text):
        draft.apply(name, value)
    return draft.finish()


def _split(text: str) -> Iterator[tuple[str, str | None]]:
    """Names in lower case, with their values unquoted: only `\\"` is an escape, as in sshd."""
    position = 0
    while position < len(text):
        match = _OPTION.match(text, position)
        end = match.end() if match else position
        if match is None or text[end : end + 1] not in ("", ",") or text[end:] == ",":
            raise KeyOptionError(f"malformed option {_name_at(text, position)!r}")
        value = match["value"]
        yield match["name"].lower(), None if value is None else value.replace('\\"', '"')
        position = end + 1


def _name_at(text: str, position: int) -> str:
    return re.split(r'[=",\s]', text[position:], maxsplit=1)[0][:40]


class _Draft:
    """The options read so far: a later flag overrides an earlier one, so `restrict,pty` has a terminal."""

    def __init__(self) -> None:
        self._command: str | None = None
        self._pty = True
        self._environment: dict[str, str] = {}
        self._sources: SourcePatterns | None = None
        self._expires: datetime | None = None

    def apply(self, name: str, value: str | None) -> None:
        if value is None:
            self._apply_flag(name)
        else:
            self._apply_value(name, value)

    def finish(self) -> KeyOptions:
        permissions = KeyPermissions(self._command, self._pty, MappingProxyType(self._environment))
        return KeyOptions(permissions, self._sources, self._expires)

    def _apply_flag(self, name: str) -> None:
        if name in ("restrict", "no-pty"):
            self._pty = False
        elif name == "pty":
            self._pty = True
        elif name not in _NOTHING_TO_PERMIT:
            raise KeyOptionError(f"option {name!r} is not supported")

    def _apply_value(self, name: str, value: str) -> None:
        match name:
            case "command":
                self._once(name, self._command)
                self._command = _without_nul(name, value)
            case "from":
                self._once(name, self._sources)
                self._sources = _parse_sources(value)
            case "environment":
                variable, content = _parse_environment(value)
                self._environment.setdefault(variable, content)
            case "expiry-time":
                moment = _parse_expiry(value)
                self._expires = min(moment, self._expires or moment)
            case _:
                raise KeyOptionError(f"option {name!r} is not supported")

    @staticmethod
    def _once(name: str, earlier: object) -> None:
        if earlier is not None:
            raise KeyOptionError(f"option {name!r} is given twice")


def _without_nul(name: str, value: str) -> str:
    if "\0" in value:
        raise KeyOptionError(f"option {name!r} holds a NUL")
    return value


def _parse_sources(value: str) -> SourcePatterns:
    try:
        return SourcePatterns.parse(value)
    except SourcePatternError as error:
        raise KeyOptionError(f"option 'from': {error}") from error


def _parse_environment(value: str) -> tuple[str, str]:
    match = _ENVIRONMENT.fullmatch(_without_nul("environment", value))
    if match is None:
        raise KeyOptionError("option 'environment' is not NAME=VALUE")
    return match[1], match[2]


def _parse_expiry(value: str) -> datetime:
    """`YYYYMMDD[HHMM[SS]][Z]`, in the machine's time zone unless it ends in Z."""
    match = _EXPIRY.fullmatch(value.upper())
    if match is None:
        raise KeyOptionError("option 'expiry-time' is not YYYYMMDD[HHMM[SS]][Z]")
    digits = match[1] + (match[2] or "0000") + (match[3] or "00")
    try:
        moment = datetime.strptime(digits, "%Y%m%d%H%M%S")
        return moment.replace(tzinfo=UTC) if match[4] else moment.astimezone()
    except (ValueError, OverflowError) as error:
        raise KeyOptionError("option 'expiry-time' is not a date") from error
