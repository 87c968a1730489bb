"""The value of a key's `from=` option: where its owner may come from (ssh_config(5), PATTERNS)."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class SourcePatternError(ValueError):
    """A pattern that cannot be understood. Ignoring it could let somebody in, so its key does not count."""


@dataclass(frozen=True, slots=True)
class _Pattern:
    """One entry of the list: a network, or a wildcard over the address as text."""

    negated: bool
    matcher: _Network | re.Pattern[str]

    def matches(self, address: _Address) -> bool:
        if isinstance(self.matcher, re.Pattern):
            return self.matcher.fullmatch(str(address)) is not None
        return address in self.matcher


@dataclass(frozen=True, slots=True)
class SourcePatterns:
    """A list of addresses, CIDR networks and wildcards (`*`, `?`), each of them negated by a leading `!`."""

    patterns: tuple[_Pattern, ...]

    @classmethod
    def parse(cls, text: str) -> SourcePatterns:
        """Take a comma-separated list; raises SourcePatternError for an empty entry or a bad network."""
        return cls(tuple(_parse_pattern(entry.strip()) for entry in text.split(",")))

    def match(self, address: str) -> bool:
        """Whether one pattern matches the client's address and no negated one does.

        Names are compared with the address, never with reverse DNS, as with sshd's `UseDNS no`. What is no IP
        address (a unix socket's client) matches nothing.
        """
        try:
            client = _normalise(address)
        except ValueError:
            return False
        matching = [pattern for pattern in self.patterns if pattern.matches(client)]
        return bool(matching) and not any(pattern.negated for pattern in matching)


def _parse_pattern(entry: str) -> _Pattern:
    text = entry.removeprefix("!").lower()
    if not text:
        raise SourcePatternError("an empty pattern")
    try:
        return _Pattern(entry.startswith("!"), ipaddress.ip_network(text))
    except ValueError as error:
        # A network with host bits set would silently match nothing, negated or not.
        if "/" in text:
            raise SourcePatternError(f"{entry!r} is not a network") from error
    return _Pattern(entry.startswith("!"), _wildcard(text))


def _wildcard(text: str) -> re.Pattern[str]:
    parts = {"*": ".*", "?": "."}
    return re.compile("".join(parts.get(char, re.escape(char)) for char in text), re.DOTALL)


def _normalise(address: str) -> _Address:
    """Without a scope, and IPv4 for an IPv4 client of an IPv6 socket: `from="10.0.0.0/8"` means him too."""
    client = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(client, ipaddress.IPv6Address) and client.ipv4_mapped:
        return client.ipv4_mapped
    return client
